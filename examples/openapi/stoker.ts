import createClient from 'openapi-fetch';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { components, paths } from './gen/stoker.js';

type Schemas = components['schemas'];
export type Batch = Schemas['stoker.v1.Batch'];
export type SubmitBatchRequest = Schemas['stoker.v1.SubmitBatchRequest'];
export type WatchBatchRequest = Schemas['stoker.v1.WatchBatchRequest'];
export type WatchBatchResponse = Schemas['stoker.v1.WatchBatchResponse'];
type WireError = Schemas['connect.error'];

/** Time limit of one attempt of a call, in milliseconds. A watch has none. */
const callTimeout = 60_000;
/** How often a call is attempted while the server cannot be reached. */
const dialTries = 4;
const firstWait = 100;
const longestWait = 5_000;
/** After this time without a message a watch reconnects. The server sends a heartbeat every 15 s. */
const longestSilence = 45_000;

/** The error of a call. */
export class StokerError extends Error {
  override name = 'StokerError';
  /** The code of gRPC, such as not_found; empty if the server did not answer. */
  readonly code: string;
  /** The server's code for programs, such as WRONG_STATE; empty if the server did not answer. */
  readonly reason: string;
  /** The mistakes in the request, or the first of them if there are very many. */
  readonly violations: { field: string; description: string }[];
  /** The number of mistakes in the request. */
  readonly violationCount: number;
  /** How long the server advises to wait before the call is repeated, in milliseconds. */
  readonly retryDelay: number;

  constructor(error: unknown, options?: ErrorOptions & { unreachable?: boolean }) {
    const { code, message, details } = (typeof error === 'object' && error !== null ? error : {}) as WireError;
    super(message ?? (typeof error === 'string' ? error : 'the server gave no answer'), options);
    const detail = (type: string) => details?.find((d) => d.type === type)?.debug as Record<string, any> | undefined;
    const info = detail('google.rpc.ErrorInfo');
    this.reason = info?.['domain'] === 'stoker' ? info['reason'] : '';
    this.code = this.reason === '' ? '' : (code ?? '');
    this.violations = detail('google.rpc.BadRequest')?.['fieldViolations'] ?? [];
    this.violationCount = Number(info?.['metadata']?.['violations'] ?? 0);
    this.retryDelay = 1000 * parseFloat(detail('google.rpc.RetryInfo')?.['retryDelay'] ?? '0');
    this.unreachable = options?.unreachable ?? false;
  }

  /** Whether no connection could be made, so that nothing was sent. */
  readonly unreachable: boolean;

  /**
   * Whether the same call may succeed a moment later. An error without a reason is none of the server: it was
   * down, the connection broke, or a proxy answered in its place.
   */
  get passing(): boolean {
    return this.reason === '' || this.code === 'unavailable' || ['CANCELLED', 'DEADLINE_EXCEEDED'].includes(this.reason);
  }
}

/** Makes an error of what fetch throws when there is no answer. */
function noAnswer(cause: unknown): StokerError {
  const failed = (cause as { cause?: { code?: string; message?: string } })?.cause;
  const message = failed?.message ?? (cause instanceof Error ? cause.message : String(cause));
  const refused = failed !== undefined && failed.code === undefined; // by fetch itself, for example a port
  return new StokerError(message, { cause, unreachable: refused || ['ECONNREFUSED', 'ENOTFOUND'].includes(failed?.code ?? '') });
}

/** A client of the JSON face of Stoker. Methods throw a StokerError. */
export class Stoker {
  readonly #api;

  /**
   * address is that of web_listen, such as http://127.0.0.1:7072; token is needed where the server asks for one. Plain
   * text to another machine is refused.
   */
  constructor(address = 'http://127.0.0.1:7072', token?: string) {
    const { protocol, hostname } = new URL(address);
    if (protocol === 'http:' && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)) {
      throw new Error(`${address}: refusing plain text to another machine`);
    }
    this.#api = createClient<paths>({ baseUrl: address, headers: token ? { authorization: `Bearer ${token}` } : {} });
  }

  /**
   * Stores a batch and resolves once it is durable. If no answer comes it is sent again with the same request id,
   * so that nothing is submitted twice. Set request_id if you want to repeat the call yourself.
   */
  async submit(request: SubmitBatchRequest): Promise<Batch> {
    const body = { ...request, request_id: request.request_id || randomUUID() };
    const answer = await repeated(() => this.#api.POST('/stoker.v1.BatchService/SubmitBatch', { body, ...limits() }));
    return answer.batch!;
  }

  /** Resolves to a batch. */
  async get(batchId: string): Promise<Batch> {
    const body = { batch_id: batchId };
    const answer = await repeated(() => this.#api.POST('/stoker.v1.BatchService/GetBatch', { body, ...limits() }));
    return answer.batch!;
  }

  /** Cancels a job (`<batch id>/<number>`) or a batch, and resolves to its new state. */
  async cancel(id: string, reason = ''): Promise<string> {
    if (id.includes('/')) {
      const body = { job_id: id, reason };
      const answer = await repeated(() => this.#api.POST('/stoker.v1.BatchService/CancelJob', { body, ...limits() }));
      return answer.job!.state!;
    }
    const body = { batch_id: id, reason };
    const answer = await repeated(() => this.#api.POST('/stoker.v1.BatchService/CancelBatch', { body, ...limits() }));
    return answer.batch!.state!;
  }

  /**
   * Follows a batch until it has ended: first its present state, then the changes. If the connection is lost or the
   * server restarts, the watch goes on with the latest cursor, so that no change is missed or yielded twice.
   */
  async *watch(request: WatchBatchRequest): AsyncGenerator<WatchBatchResponse, void> {
    let from = request;
    let state: string | undefined;
    let tries = new Tries(dialTries);
    for (let seen = false; ; ) {
      let failure: StokerError;
      try {
        for await (const message of this.#messages(from)) {
          from = { ...request, cursor: message.cursor };
          state = message.batch?.state ?? state;
          seen = true;
          tries = new Tries(); // reconnect without limit from now on
          yield message;
        }
        if (state === undefined ? from.cursor : ended.includes(state)) {
          return;
        }
        failure = new StokerError(`the watch of batch ${request.batch_id} was ended, and the batch was not`);
      } catch (cause) {
        failure = cause instanceof StokerError ? cause : noAnswer(cause);
        if (!failure.passing && !(seen && ['SLOW_READER', 'TOO_MANY_WATCHES'].includes(failure.reason))) {
          throw failure;
        }
      }
      await tries.next(failure);
    }
  }

  /** The messages of one connection: one on each line. */
  async *#messages(body: WatchBatchRequest): AsyncGenerator<WatchBatchResponse, void> {
    const call = new AbortController();
    let silence: NodeJS.Timeout | undefined;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => call.abort(), longestSilence);
    };
    try {
      listen();
      const { response, error } = await this.#api.POST('/stoker.v1.BatchService/WatchBatch', { body, parseAs: 'stream', signal: call.signal });
      if (!response.ok) {
        throw new StokerError((error as Schemas['stream.error'] | undefined)?.error ?? error);
      }
      for await (const line of lines(response.body!)) {
        listen();
        const message = JSON.parse(line) as WatchBatchResponse | Schemas['stream.error'];
        if ('error' in message) {
          throw new StokerError(message.error);
        }
        yield message;
      }
    } finally {
      clearTimeout(silence);
      call.abort();
    }
  }
}

/** The lines of a body. A line that was cut off is none. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const whole = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = whole.pop()!;
    yield* whole;
  }
}

/** The states of a batch in which its watch ends. */
const ended = ['BATCH_STATE_SUCCEEDED', 'BATCH_STATE_FAILED', 'BATCH_STATE_CANCELLED'];

function limits() {
  return { signal: AbortSignal.timeout(callTimeout) };
}

/** Waits between the attempts of one call, and counts them. */
class Tries {
  #wait = firstWait;
  #dials = 0;

  constructor(readonly dials = Infinity) {}

  /** Waits until the next attempt, or throws err if there is none. */
  async next(err: StokerError): Promise<void> {
    this.#dials = err.unreachable ? this.#dials + 1 : 0;
    if (this.#dials >= this.dials) {
      throw err;
    }
    const wait = Math.max(this.#wait * (0.5 + Math.random()), err.retryDelay);
    this.#wait = Math.min(2 * this.#wait, longestWait);
    await sleep(wait);
  }
}

/**
 * Makes a call, and repeats it while that may help. Use it only for calls that change nothing when repeated:
 * submissions with a request id, cancellations, and calls that read. RetryJobs is not among them.
 */
async function repeated<Answer>(make: () => Promise<{ data?: Answer; error?: unknown }>): Promise<Answer> {
  for (const tries = new Tries(dialTries); ; ) {
    let failure: StokerError;
    try {
      const { data, error } = await make();
      if (data !== undefined) {
        return data;
      }
      failure = new StokerError(error);
    } catch (cause) {
      failure = noAnswer(cause);
    }
    if (!failure.passing) {
      throw failure;
    }
    await tries.next(failure);
  }
}
