package dispatcher

import (
	"context"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/internal/provision"
	"github.com/stokerd/stoker/job"
)

// exampleRules dispatches as Bitmovin's BatchEncoding example does, with its loop, its sleeps and
// its serial calls. TestFigures compares the dispatcher with it.
type exampleRules struct {
	client *bitmovin.Client
	target int
	in     bitmovin.InputID
	out    bitmovin.OutputID
	confs  []bitmovin.ConfigID
}

// exampleJob is a job of the example.
type exampleJob struct {
	encoding bitmovin.EncodingID
	started  bool
	done     bool
}

// run encodes n jobs.
func (r *exampleRules) run(ctx context.Context, n int) error {
	if err := r.setUp(ctx); err != nil {
		return err
	}
	jobs := make([]exampleJob, n)
	for {
		left := false
		for _, j := range jobs {
			left = left || !j.done
		}
		if !left {
			return nil
		}
		queued, err := r.client.ListEncodings(ctx, bitmovin.EncodingQuery{Status: bitmovin.StatusQueued, Limit: 1})
		if err != nil {
			return err
		}
		if err := r.start(ctx, jobs, r.target-int(queued.Total)); err != nil {
			return err
		}
		time.Sleep(10 * time.Second)
		if err := r.watch(ctx, jobs); err != nil {
			return err
		}
	}
}

func (r *exampleRules) start(ctx context.Context, jobs []exampleJob, free int) error {
	for i := range jobs {
		j := &jobs[i]
		if free <= 0 {
			return nil
		}
		if j.started || j.done {
			continue
		}
		free--
		if j.encoding == "" {
			id, err := r.configure(ctx)
			if err != nil {
				return err
			}
			j.encoding = id
		}
		err := r.client.StartEncoding(ctx, j.encoding, nil, nil)
		if bitmovin.QueueFull(err) {
			return nil
		}
		if err != nil {
			return err
		}
		j.started = true
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

func (r *exampleRules) watch(ctx context.Context, jobs []exampleJob) error {
	for i := range jobs {
		j := &jobs[i]
		if !j.started || j.done {
			continue
		}
		task, err := r.client.ReadStatus(ctx, j.encoding)
		if err != nil {
			return err
		}
		j.done = task.Status == bitmovin.StatusFinished
		time.Sleep(300 * time.Millisecond)
	}
	return nil
}

func (r *exampleRules) setUp(ctx context.Context) (err error) {
	if r.in, err = r.client.CreateInput(ctx, bitmovin.Storage{Type: bitmovin.StorageHTTP, Host: "storage.example"}); err != nil {
		return err
	}
	if r.out, err = r.client.CreateOutput(ctx, bitmovin.Storage{Type: bitmovin.StorageS3, Bucket: "bucket", AccessKey: "a", SecretKey: "s"}); err != nil {
		return err
	}
	recipe := job.DefaultRecipe()
	for _, v := range recipe.Videos {
		id, err := r.client.CreateConfiguration(ctx, provision.VideoConfiguration(v))
		if err != nil {
			return err
		}
		r.confs = append(r.confs, id)
	}
	id, err := r.client.CreateConfiguration(ctx, provision.AudioConfiguration(recipe.Audios[0]))
	r.confs = append(r.confs, id)
	return err
}

func (r *exampleRules) configure(ctx context.Context) (bitmovin.EncodingID, error) {
	e, err := r.client.CreateEncoding(ctx, bitmovin.Encoding{Name: "encoding"}, nil)
	if err != nil {
		return "", err
	}
	for _, conf := range r.confs {
		s, err := r.client.CreateStream(ctx, e.ID, bitmovin.Stream{
			CodecConfigID: conf,
			InputStreams:  []bitmovin.InputStream{{InputID: r.in, InputPath: "in.mp4", SelectionMode: bitmovin.SelectAuto}},
		})
		if err != nil {
			return "", err
		}
		_, err = r.client.CreateMuxing(ctx, e.ID, bitmovin.Muxing{
			Type: bitmovin.MuxingFMP4, SegmentLength: 4, Streams: []bitmovin.MuxingStream{{StreamID: s.ID}},
			Outputs: []bitmovin.EncodingOutput{{OutputID: r.out, OutputPath: "out"}},
		})
		if err != nil {
			return "", err
		}
	}
	return e.ID, nil
}
