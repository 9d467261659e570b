package provision

import (
	"fmt"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/template"
	"github.com/stokerd/stoker/job"
)

// StartRequest is the content of the call that starts the configured encoding of a job.
func StartRequest(b *job.Batch, j *job.Job) *bitmovin.StartRequest {
	r := &bitmovin.StartRequest{Scheduling: &bitmovin.Scheduling{Priority: new(b.Priority)}}
	if recipe := b.Recipe; recipe != nil {
		r.EncodingMode = recipe.EncodingMode
		r.Scheduling.PrewarmedEncoderPoolIDs = recipe.PrewarmedPools
		r.PerTitle = perTitle(recipe)
	}
	for _, m := range j.Manifests {
		r.ManifestGenerator = "V2"
		ref := bitmovin.ManifestResource{ManifestID: bitmovin.ManifestID(m.ID)}
		if m.Format == job.HLS {
			r.VODHLSManifests = append(r.VODHLSManifests, ref)
		} else {
			r.VODDashManifests = append(r.VODDashManifests, ref)
		}
	}
	return r
}

// ParseTemplate parses the text of a template. The error names the first mistake in it.
func ParseTemplate(t *job.Template) (*template.Template, error) {
	parsed, mistakes := template.ParseStored(*t)
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("template %q: %s", t.Name, mistakes[0])
	}
	return parsed, nil
}

// Secrets returns the present values of the secrets that the template of a batch uses, by name. Only templates of
// the configuration may use any: whoever could choose a template of its own could have the platform show them. And only
// accounts that may use the template now: the batch was submitted when others could.
func (p *Provisioner) Secrets(t *template.Template, b *job.Batch) (map[string]string, error) {
	names := t.Secrets()
	if len(names) == 0 {
		return nil, nil
	}
	sources := p.sources.Load()
	if b.Template.Name == "" || sources.Secret == nil {
		return nil, fmt.Errorf("the template uses the secret %q, and only templates of the configuration may use secrets", names[0])
	}
	if !p.mayUse(sources.TemplateAccounts[b.Template.Name]) { // as for a storage
		return nil, fmt.Errorf("template %q, and with it the secret %q, is no longer for account %q in the server's configuration", b.Template.Name, names[0], p.accountID)
	}
	values := map[string]string{}
	for _, name := range names {
		value, err := sources.Secret(name)
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", name, err)
		}
		values[name] = value
	}
	return values, nil
}

// RenderTemplate fills in the template of a batch for the current attempt of a job.
func (p *Provisioner) RenderTemplate(t *template.Template, b *job.Batch, j *job.Job, s Shared, secrets map[string]string) (string, error) {
	return t.Render(template.Values{
		ID: j.ID, Job: j.Spec,
		InputPath: job.InputPath(s.inputBase, j.InputPath), OutputPath: job.OutputPath(s.outputBase, j.OutputPath, ""),
		InputID: string(s.input), OutputID: string(s.output), Secrets: secrets,
		EncodingName: AttemptName(j),
		Labels:       p.labels(),
		Priority:     b.Priority,
		Region:       b.Template.RegionOf(j.FallbackRegionIndex),
	})
}
