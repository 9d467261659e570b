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

/** How long a call may take, in milliseconds. A watch may take for ever. */
const callTimeout = 60_000;
/** How often a submission is tried while the server is away. */
const submitTries = 4;
const firstWait = 100;
const longestWait = 5_000;

/** A client of a Stoker server. Methods throw a StokerError. */
export class Stoker {
  readonly #batches: BatchServiceClient;

  constructor(address = '127.0.0.1:7070', credentials = grpc.credentials.createInsecure()) {
    this.#batches = new stoker.v1.BatchService(address, credentials, {
      'grpc.max_receive_message_length': 16 << 20,
      'grpc.keepalive_time_ms': 30_000,
    });
  }

  /**
   * Stores a batch and resolves once it is durable. It is sent again while the server is
   * away for a moment, under one id, so that nothing is submitted twice. Set request_id
   * to be able to repeat the call itself.
   */
  async submit(request: SubmitBatchRequest): Promise<Batch> {
    const repeatable = { ...request, request_id: request.request_id || randomUUID() };
    for (let tries = 1, wait = firstWait; ; tries++, wait *= 2) {
      try {
        const answer = await call<SubmitBatchResponse>((done) => this.#batches.SubmitBatch(repeatable, limits(), done));
        return answer.batch!;
      } catch (err) {
        if (tries === submitTries || !isAway(err)) {
          throw err;
        }
        await sleep(wait);
      }
    }
  }

  /** Resolves to how a batch stands. */
  async get(batchId: string): Promise<Batch> {
    const answer = await call<GetBatchResponse>((done) => this.#batches.GetBatch({ batch_id: batchId }, limits(), done));
    return answer.batch!;
  }

  /**
   * Follows a batch until it has ended: first how it stands, then what changes. When
   * the connection is lost or the server restarts, it comes back with the latest cursor,
   * as often as it takes; nothing is missed or seen twice. A request with the cursor of
   * an earlier watch goes on from there.
   */
  async *watch(request: WatchBatchRequest): AsyncGenerator<WatchBatchResponse, void> {
    let from = request;
    let wait = firstWait;
    for (let seen = false; ; wait = Math.min(2 * wait, longestWait)) {
      const stream = this.#batches.WatchBatch(from);
      stream.on('error', () => {}); // that of a stream nobody reads any more
      try {
        for await (const message of stream as AsyncIterable<WatchBatchResponse>) {
          from = { ...request, cursor: message.cursor };
          seen = true;
          wait = firstWait;
          yield message;
        }
        return;
      } catch (cause) {
        const err = StokerError.from(cause);
        if (!(seen && err instanceof StokerError && (isAway(err) || ['SLOW_READER', 'TOO_MANY_WATCHES'].includes(err.reason)))) {
          throw err;
        }
        await sleep(Math.max(wait, err.retryDelay));
      } finally {
        stream.cancel();
      }
    }
  }

  /** Asks for the end of a job (`<batch id>/<number>`) or of a batch, and resolves to its state. */
  async cancel(id: string, reason = ''): Promise<BatchState | JobState> {
    if (id.includes('/')) {
      const answer = await call<CancelJobResponse>((done) => this.#batches.CancelJob({ job_id: id, reason }, limits(), done));
      return answer.job!.state!;
    }
    const answer = await call<CancelBatchResponse>((done) => this.#batches.CancelBatch({ batch_id: id, reason }, limits(), done));
    return answer.batch!.state!;
  }

  close(): void {
    this.#batches.close();
  }
}

function isAway(err: unknown): boolean {
  return err instanceof StokerError && err.code === grpc.status.UNAVAILABLE;
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
