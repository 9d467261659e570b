import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { randomUUID } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { StokerError } from './errors.js';
import type { ProtoGrpcType } from './gen/batch_service.js';
import type { Batch__Output as Batch } from './gen/stoker/v1/Batch.js';
import type { BatchServiceClient } from './gen/stoker/v1/BatchService.js';
import type { BatchState } from './gen/stoker/v1/BatchState.js';
import type { CancelBatchResponse__Output as CancelBatchResponse } from './gen/stoker/v1/CancelBatchResponse.js';
import type { CancelJobResponse__Output as CancelJobResponse } from './gen/stoker/v1/CancelJobResponse.js';
import type { GetBatchResponse__Output as GetBatchResponse } from './gen/stoker/v1/GetBatchResponse.js';
import type { JobState } from './gen/stoker/v1/JobState.js';
import type { SubmitBatchRequest } from './gen/stoker/v1/SubmitBatchRequest.js';
import type { SubmitBatchResponse__Output as SubmitBatchResponse } from './gen/stoker/v1/SubmitBatchResponse.js';
import type { WatchBatchRequest } from './gen/stoker/v1/WatchBatchRequest.js';
import type { WatchBatchResponse__Output as WatchBatchResponse } from './gen/stoker/v1/WatchBatchResponse.js';

export { StokerError };

const definition = loadSync('stoker/v1/batch_service.proto', {
  includeDirs: ['../../proto', 'proto'].map((dir) => fileURLToPath(new URL(dir, import.meta.url))),
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
});
const { stoker } = grpc.loadPackageDefinition(definition) as unknown as ProtoGrpcType;

/** Time limit of one attempt of a call, in milliseconds. A watch has none. */
const callTimeout = 60_000;
/** How often a call is attempted while no connection can be made. */
const dialTries = 4;
const firstWait = 100;
const longestWait = 5_000;
/** After this time without a message a watch reconnects. The server sends a heartbeat every 15 s. */
const longestSilence = 45_000;

/** Whether only this machine can reach a gRPC target. */
export function isLoopback(target: string): boolean {
  if (/^unix(-abstract)?:/.test(target)) {
    return true;
  }
  const rest = target.split(':///').at(-1) ?? target;
  const [, six, four] = /^(?:\[(.*)\]|([^:]*))(?::\w+)?$/.exec(rest) ?? [];
  const host = six ?? four ?? rest;
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Sends a token with each call. Call credentials of gRPC would not do: it takes them with TLS only. */
function bearer(token: () => string): grpc.Interceptor {
  return (options, next) =>
    new grpc.InterceptingCall(next(options), {
      start(metadata, listener, go) {
        metadata.set('authorization', `Bearer ${token()}`);
        go(metadata, listener);
      },
    });
}

/** A client of a Stoker server. Methods throw a StokerError. */
export class Stoker {
  readonly #batches: BatchServiceClient;

  /**
   * Without credentials the connection is plain text, which is refused to another machine. token returns the token of
   * the caller; it is asked for each call.
   */
  constructor(address = '127.0.0.1:7070', credentials?: grpc.ChannelCredentials, token?: () => string) {
    if (credentials === undefined && !isLoopback(address)) {
      throw new Error(`${address}: refusing plain text to another machine`);
    }
    this.#batches = new stoker.v1.BatchService(address, credentials ?? grpc.credentials.createInsecure(), {
      interceptors: token ? [bearer(token)] : [],
      'grpc.max_receive_message_length': 16 << 20,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.initial_reconnect_backoff_ms': firstWait,
      'grpc.max_reconnect_backoff_ms': longestWait,
    });
  }

  /**
   * Stores a batch and resolves once it is durable. If no answer comes it is sent again with
   * the same request id, so nothing is submitted twice. Set request_id if you want to repeat
   * the call yourself.
   */
  async submit(request: SubmitBatchRequest): Promise<Batch> {
    const repeatable = { ...request, request_id: request.request_id || randomUUID() };
    const answer = await repeated<SubmitBatchResponse>((done) => this.#batches.SubmitBatch(repeatable, limits(), done));
    return answer.batch!;
  }

  /** Resolves to a batch. */
  async get(batchId: string): Promise<Batch> {
    const answer = await repeated<GetBatchResponse>((done) => this.#batches.GetBatch({ batch_id: batchId }, limits(), done));
    return answer.batch!;
  }

  /**
   * Follows a batch until it has ended: first its present state, then the changes. If the
   * connection is lost, the server restarts, or a proxy ends the stream or holds back its
   * messages, the watch reconnects with the latest cursor, as often as necessary. No change is
   * missed or yielded twice. A request with the cursor of an earlier watch continues there.
   */
  async *watch(request: WatchBatchRequest): AsyncGenerator<WatchBatchResponse, void> {
    let from = request;
    let state: string | undefined;
    let tries = new Tries(dialTries);
    for (let seen = false; ; ) {
      const stream = this.#batches.WatchBatch(from);
      stream.on('error', () => {}); // a stream that is not read any more would throw
      const listen = () => setTimeout(() => stream.cancel(), longestSilence + interval(request));
      let silence = listen();
      let failure: unknown;
      try {
        for await (const message of stream as AsyncIterable<WatchBatchResponse>) {
          clearTimeout(silence); // the time for which the caller works on a message does not count
          from = { ...request, cursor: message.cursor };
          state = message.batch?.state ?? state;
          seen = true;
          tries = new Tries(); // reconnect without limit from now on
          yield message;
          silence = listen();
        }
        if (state === undefined ? from.cursor : ended.includes(state)) {
          return;
        }
        failure = new Error(`the watch of batch ${request.batch_id} was ended, and the batch was not`);
      } catch (cause) {
        failure = StokerError.from(cause);
        const back = failure instanceof StokerError && (failure.passing || (seen && ['SLOW_READER', 'TOO_MANY_WATCHES'].includes(failure.reason)));
        if (!back) {
          throw failure;
        }
      } finally {
        clearTimeout(silence);
        stream.cancel();
      }
      await tries.next(failure);
    }
  }

  /** Cancels a job (`<batch id>/<number>`) or a batch, and resolves to its new state. */
  async cancel(id: string, reason = ''): Promise<BatchState | JobState> {
    if (id.includes('/')) {
      const answer = await repeated<CancelJobResponse>((done) => this.#batches.CancelJob({ job_id: id, reason }, limits(), done));
      return answer.job!.state!;
    }
    const answer = await repeated<CancelBatchResponse>((done) => this.#batches.CancelBatch({ batch_id: id, reason }, limits(), done));
    return answer.batch!.state!;
  }

  close(): void {
    this.#batches.close();
  }
}

/** The states of a batch in which its watch ends. */
const ended = ['BATCH_STATE_SUCCEEDED', 'BATCH_STATE_FAILED', 'BATCH_STATE_CANCELLED'];

/** The least interval between messages that a watch asks for, in milliseconds. */
function interval({ min_interval: d }: WatchBatchRequest): number {
  return Number(d?.seconds ?? 0) * 1000 + (d?.nanos ?? 0) / 1e6;
}

/** Waits between the attempts of one call, and counts them. */
class Tries {
  #wait = firstWait;
  #dials = 0;

  constructor(readonly dials = Infinity) {}

  /** Waits until the next attempt, or throws err if there is none. */
  async next(err: unknown): Promise<void> {
    this.#dials = err instanceof StokerError && err.unreachable ? this.#dials + 1 : 0;
    const advised = err instanceof StokerError ? err.retryDelay : 0;
    const wait = Math.max(this.#wait * (0.5 + Math.random()), advised);
    if (this.#dials >= this.dials) {
      throw err;
    }
    this.#wait = Math.min(2 * this.#wait, longestWait);
    await sleep(wait);
  }
}

/**
 * Makes a call, and repeats it while that may help. Use it only for calls that change nothing
 * when repeated: submissions with a request id, cancellations, and calls that read. RetryJobs is
 * not among them.
 */
async function repeated<Answer>(make: (done: grpc.requestCallback<Answer>) => void): Promise<Answer> {
  for (const tries = new Tries(dialTries); ; ) {
    try {
      return await call(make);
    } catch (err) {
      if (!(err instanceof StokerError && err.passing)) {
        throw err;
      }
      await tries.next(err);
    }
  }
}

function limits(): grpc.CallOptions {
  return { deadline: Date.now() + callTimeout };
}

/** Turns a call into a promise. */
function call<Answer>(make: (done: grpc.requestCallback<Answer>) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    make((err, answer) => (err ? reject(StokerError.from(err)) : resolve(answer!)));
  });
}
