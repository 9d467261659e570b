// A list that is about to be submitted. The server reads and checks it by its own rules; nothing of them is here.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { SubmitBatchRequestSchema } from "../gen/stoker/v1/batch_service_pb";
import type { EncodingTemplate, Profile, Storage } from "../gen/stoker/v1/catalog_service_pb";
import { JobListSchema, ListFormat, type JobList } from "../gen/stoker/v1/job_list_pb";
import type { CheckListResponse, PlanBatchResponse } from "../gen/stoker/v1/submission_service_pb";
import { batches, catalog, explain, submissions, unreachable } from "./api";
import { sentence } from "./format";

const spreadsheet = /\.(xlsx?|ods|numbers)$/i;
/** mostBytes is the largest list that a call takes; stoker submit takes more, in parts. */
const mostBytes = 24 * 1024 * 1024;

export interface ListFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export class Submission {
  file = $state.raw<ListFile | undefined>();
  /** Why a file was not taken. */
  refused = $state.raw<{ title: string; kind: "spreadsheet" | "large" | "unread" | "empty" } | undefined>();

  name = $state("");
  how = $state<"profile" | "template">("profile");
  profile = $state("default");
  template = $state("");
  account = $state("");
  /** null while the field is empty: then it is the server's default. */
  priority = $state<number | null>(50);
  input = $state("");
  output = $state("");
  /** The folder into which all jobs write. */
  folder = $state("");
  /** Values for variables of the template, for the jobs that have none of their own. */
  values = $state<Record<string, string>>({});
  labels = $state("");
  skipSucceeded = $state(false);
  /** How the list is to be read, where the server cannot tell. */
  reading = $state.raw<Partial<Pick<JobList, "format" | "columns" | "charset">>>({});

  checked = $state.raw<CheckListResponse | undefined>();
  checking = $state(false);
  took = $state(0);
  plan = $state.raw<PlanBatchResponse | undefined>();
  /** What is wrong with something else than the list, and which field of the submission that is, if it is one. */
  problem = $state.raw({ text: "", field: "" });
  submitting = $state(false);
  /** The server could not be asked about the list. */
  unanswered = false;

  profiles = $state.raw<Profile[]>([]);
  templates = $state.raw<EncodingTemplate[]>([]);
  storages = $state.raw<Storage[]>([]);

  #requestId = newId();
  #call: AbortController | undefined;
  #taken = 0;
  /** The name that the latest list suggested. */
  #suggested = "";

  /** The template that is chosen, if one is. */
  get chosenTemplate(): EncodingTemplate | undefined {
    return this.how === "template" ? this.templates.find((t) => t.name === this.template) : undefined;
  }

  get wrongLabel(): string {
    return words(this.labels).find((l) => !l.includes("=")) ?? "";
  }

  /** The values that the chosen template takes. */
  get given(): [string, string][] {
    const names = this.chosenTemplate?.variables.map((v) => v.name) ?? [];
    return names.filter((name) => this.values[name]).map((name) => [name, this.values[name]!]);
  }

  /** Whether the jobs have an output path that the folder can stand before. */
  get takesFolder(): boolean {
    return this.chosenTemplate?.usesOutputPath ?? true;
  }

  async loadCatalog(signal: AbortSignal) {
    const [p, t, s] = await Promise.all([
      catalog.listProfiles({}, { signal }),
      catalog.listTemplates({}, { signal }),
      catalog.listStorages({}, { signal }),
    ]);
    this.profiles = p.profiles;
    this.templates = t.templates;
    this.storages = s.storages;
    if (!p.profiles.some((x) => x.name === this.profile)) this.profile = p.profiles[0]?.name ?? "default";
    this.template ||= t.templates[0]?.name ?? "";
    if (p.profiles.length === 0 && t.templates.length > 0) this.how = "template";
  }

  /** Takes a file, unless another one is chosen before it is read. */
  async take(file: File) {
    const turn = ++this.#taken;
    if (spreadsheet.test(file.name)) return this.#refuse(file.name, "spreadsheet");
    if (file.size > mostBytes) return this.#refuse(file.name, "large"); // a film that was dropped here fits in no memory
    const bytes = await file.arrayBuffer().catch(() => undefined);
    if (turn !== this.#taken) return;
    if (bytes) this.takeBytes(file.name, new Uint8Array(bytes));
    else this.#refuse(file.name, "unread");
  }

  takeBytes(name: string, bytes: Uint8Array<ArrayBuffer>) {
    this.#taken++;
    const packed = bytes[0] === 0x50 && bytes[1] === 0x4b;
    if (packed) return this.#refuse(name, "spreadsheet");
    if (bytes.length > mostBytes) return this.#refuse(name, "large");
    if (bytes.length === 0) return this.#refuse(name, "empty");
    this.refused = undefined;
    this.file = { name, bytes };
    this.reading = {};
    this.checked = undefined;
    const suggested = cut(name.replace(/\.(gz)$/i, "").replace(/\.[^.]+$/, "").replace(/[-_]+/g, " ").trim());
    if (!this.name || this.name === this.#suggested) this.name = suggested;
    this.#suggested = suggested;
  }

  /** Leaves nothing of an earlier list: what can be submitted is what was chosen last. */
  #refuse(title: string, kind: "spreadsheet" | "large" | "unread" | "empty") {
    this.#call?.abort();
    this.refused = { title, kind };
    this.file = this.checked = this.plan = undefined;
    this.checking = false;
    this.complain("");
  }

  #request(): MessageInitShape<typeof SubmitBatchRequestSchema> {
    const file = this.file!;
    const t = this.chosenTemplate;
    return {
      displayName: this.name.trim(),
      account: this.account,
      priority: this.priority ?? undefined,
      encodeWith: this.how === "template" ? { case: "template", value: this.template } : { case: "profile", value: this.profile },
      input: t && !t.usesInput ? "" : this.input,
      output: t && !t.usesOutput ? "" : this.output,
      outputFolder: this.takesFolder ? this.folder.trim() : "",
      variables: Object.fromEntries(this.given),
      labels: Object.fromEntries(words(this.labels).map((l) => l.split(/=(.*)/s, 2) as [string, string])),
      skipSucceeded: this.skipSucceeded,
      list: create(JobListSchema, { ...this.reading, name: cut(file.name), content: { case: "data", value: file.bytes } }),
    };
  }

  /** Lets the server check the list, and says how long the batch would take. A later call ends an earlier one. */
  async check() {
    this.#call?.abort();
    this.checking = !!this.file && !this.wrongLabel;
    if (!this.checking) return;
    const call = (this.#call = new AbortController());
    this.unanswered = false;
    const began = performance.now();
    try {
      const answer = await submissions.checkList({ submission: this.#request(), sampleSize: 100 }, { signal: call.signal });
      this.took = performance.now() - began;
      this.checked = answer;
      this.complain("");
      this.#requestId = newId();
      this.plan = undefined;
      const jobs = answer.jobCount - (this.skipSucceeded ? answer.succeededCount : 0n);
      if (answer.mistakeCount === 0n && jobs > 0n) {
        const { account, priority, encodeWith } = this.#request();
        this.plan = await submissions.planBatch({ account, priority, jobCount: jobs, encodeWith: encodeWith as never }, { signal: call.signal });
      }
    } catch (err) {
      if (!call.signal.aborted) {
        this.unanswered = unreachable(err);
        this.complain(explain(err));
      }
    }
    if (this.#call === call) this.checking = false;
  }

  /** Notes what is wrong with something else than the list. The server begins with the field that it means. */
  complain(message: string) {
    const [, field = "", text = message] = /^Submission\.([^\s:]+): (.*)$/s.exec(message) ?? [];
    this.problem = { field, text: sentence(text) };
  }

  /** Submits the list. A repeated submission of the same is one batch. */
  async submit() {
    this.submitting = true;
    try {
      const answer = await batches.submitBatch({ ...this.#request(), requestId: this.#requestId });
      return answer.batch;
    } finally {
      this.submitting = false;
    }
  }
}

/** cut is a name in the length that a batch and a list may have. */
function cut(name: string): string {
  return [...name].slice(0, 200).join("");
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** readingWords says how the server proposes to read a list. */
export function readingWords(list: JobList): string[] {
  const formats: Partial<Record<ListFormat, string>> = {
    [ListFormat.CSV]: "as CSV",
    [ListFormat.JSON]: "as JSON",
    [ListFormat.PATHS]: "as one input path in each line",
    [ListFormat.S3_INVENTORY]: "as an S3 inventory",
    [ListFormat.S3_LISTING]: "as the output of aws s3 ls",
  };
  return [
    ...(formats[list.format] ? [formats[list.format]!] : []),
    ...(list.charset ? [`with the charset ${list.charset}`] : []),
    ...Object.entries(list.columns).map(([column, field]) => (field ? `column “${column}” as ${field}` : `without column “${column}”`)),
  ];
}

/** The sample that is offered where there is nothing yet. */
export const sample = `key,name,input_path
big-buck-bunny,Big Buck Bunny,open-movies/big-buck-bunny.mov
sintel,Sintel,open-movies/sintel.mov
tears-of-steel,Tears of Steel,open-movies/tears-of-steel.mov
cosmos-laundromat,Cosmos Laundromat,open-movies/cosmos-laundromat.mov
spring,Spring,open-movies/spring.mov
sprite-fright,Sprite Fright,open-movies/sprite-fright.mov
`;
