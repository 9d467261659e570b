import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { randomUUID } from 'node:crypto';
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

/** How long one try of a call may take, in milliseconds. A watch may take for ever. */
const callTimeout = 60_000;
/** How often a call is tried while no connection comes about. */
const dialTries = 4;
const firstWait = 100;
const longestWait = 5_000;
/** How long a watch may say nothing: the server sends a heartbeat every 15 s. */
const longestSilence = 45_000;

/** A client of a Stoker server. Methods throw a StokerError. */
export class Stoker {
  readonly #batches: BatchServiceClient;

  constructor(address = '127.0.0.1:7070', credentials = grpc.credentials.createInsecure()) {
    this.#batches = new stoker.v1.BatchService(address, credentials, {
      'grpc.max_receive_message_length': 16 << 20,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.initial_reconnect_backoff_ms': firstWait,
      'grpc.max_reconnect_backoff_ms': longestWait,
    });
  }

  /**
   * Stores a batch and resolves once it is durable. It is sent again when the answer does
   * not come, under one id, so that nothing is submitted twice. Set request_id to be able
   * to repeat the call itself.
   */
  async submit(request: SubmitBatchRequest): Promise<Batch> {
    const repeatable = { ...request, request_id: request.request_id || randomUUID() };
    const answer = await repeated<SubmitBatchResponse>((done) => this.#batches.SubmitBatch(repeatable, limits(), done));
    return answer.batch!;
  }

  /** Resolves to how a batch stands. */
  async get(batchId: string): Promise<Batch> {
    const answer = await repeated<GetBatchResponse>((done) => this.#batches.GetBatch({ batch_id: batchId }, limits(), done));
    return answer.batch!;
  }

  /**
   * Follows a batch until it has ended: first how it stands, then what changes. When
   * the connection is lost, the server restarts, or something in between ends the stream or
   * keeps its messages, it comes back with the latest cursor, as often as it takes; nothing
   * is missed or seen twice. A request with the cursor of an earlier watch goes on from there.
   */
  async *watch(request: WatchBatchRequest): AsyncGenerator<WatchBatchResponse, void> {
    let from = request;
    let state: string | undefined;
    let tries = new Tries(dialTries);
    for (let seen = false; ; ) {
      const stream = this.#batches.WatchBatch(from);
      stream.on('error', () => {}); // that of a stream nobody reads any more
      const listen = () => setTimeout(() => stream.cancel(), longestSilence + interval(request));
      let silence = listen();
      let failure: unknown;
      try {
        for await (const message of stream as AsyncIterable<WatchBatchResponse>) {
          clearTimeout(silence); // how long the caller takes with a message does not count
          from = { ...request, cursor: message.cursor };
          state = message.batch?.state ?? state;
          seen = true;
          tries = new Tries(); // from now on as often as it takes
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

  /** Asks for the end of a job (`<batch id>/<number>`) or of a batch, and resolves to its state. */
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

/** The states of a batch in which a watch of it is over. */
const ended = ['BATCH_STATE_SUCCEEDED', 'BATCH_STATE_FAILED', 'BATCH_STATE_CANCELLED'];

/** The interval that a watch asks for, in milliseconds. */
function interval({ min_interval: d }: WatchBatchRequest): number {
  return Number(d?.seconds ?? 0) * 1000 + (d?.nanos ?? 0) / 1e6;
}

/** Waits between the tries of one call, and counts them. */
class Tries {
  #wait = firstWait;
  #dials = 0;

  constructor(readonly dials = Infinity) {}

  /** Waits until the next try, or throws err if there is none. */
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
 * Makes a call, and makes it again while that may help. For calls that change nothing the
 * second time: submissions with an id, cancellations, and what reads. RetryJobs is none.
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

/** Makes a promise of a call. */
function call<Answer>(make: (done: grpc.requestCallback<Answer>) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    make((err, answer) => (err ? reject(StokerError.from(err)) : resolve(answer!)));
  });
}
