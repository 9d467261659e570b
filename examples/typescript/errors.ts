import * as grpc from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

/** One thing that is wrong with one field of a request, such as jobs[17].input_path. */
export interface Violation {
  field: string;
  description: string;
}

/** The error of a call. */
export class StokerError extends Error {
  override name = 'StokerError';

  private constructor(
    cause: Error,
    message: string,
    /** The gRPC status code. */
    readonly code: grpc.status,
    /** The server's code for programs, such as WRONG_STATE; empty if the server did not answer. */
    readonly reason: string,
    /** The mistakes in the request, or the first of them if there are very many. */
    readonly violations: Violation[],
    /** The number of mistakes in the request. */
    readonly violationCount: number,
    /** How long the server advises to wait before the call is repeated, in milliseconds. */
    readonly retryDelay: number,
  ) {
    super(message, { cause });
  }

  /**
   * Whether the server has not answered: it could not be reached, the connection broke, or a
   * proxy answered in its place with any code. The call may have taken effect. An error of the
   * server itself has a reason. Messages that are too long for gRPC to send or receive are not
   * counted here.
   */
  get unanswered(): boolean {
    if (this.reason === '') {
      return !(this.code === grpc.status.RESOURCE_EXHAUSTED && /message .*larger than/i.test(this.message));
    }
    return ['CANCELLED', 'DEADLINE_EXCEEDED'].includes(this.reason); // a proxy gave up
  }

  /** Whether no connection could be made, so that nothing was sent. */
  get unreachable(): boolean {
    return this.unanswered && this.code === grpc.status.UNAVAILABLE && /^(No connection established|Name resolution failed)/.test(this.message);
  }

  /** Whether the same call may succeed a moment later. */
  get passing(): boolean {
    return this.unanswered || this.code === grpc.status.UNAVAILABLE;
  }

  /** Decodes the error of a call. Any other value is returned as it is. */
  static from(err: unknown): unknown {
    if (!isServiceError(err)) {
      return err;
    }
    let reason = '';
    let violations: Violation[] = [];
    let violationCount = 0;
    let retryDelay = 0;
    for (const { name, value } of details(err.metadata)) {
      if (name === 'google.rpc.ErrorInfo') {
        const info = decode<{ reason?: string; domain?: string; metadata?: Record<string, string> }>('ErrorInfo', value);
        reason = info.domain === 'stoker' ? (info.reason ?? '') : '';
        violationCount = Number(info.metadata?.violations ?? 0);
      } else if (name === 'google.rpc.BadRequest') {
        violations = decode<{ field_violations?: Violation[] }>('BadRequest', value).field_violations ?? [];
      } else if (name === 'google.rpc.RetryInfo') {
        const delay = decode<{ retry_delay?: { seconds?: number; nanos?: number } }>('RetryInfo', value).retry_delay;
        retryDelay = (delay?.seconds ?? 0) * 1000 + (delay?.nanos ?? 0) / 1e6;
      }
    }
    return new StokerError(err, err.details, err.code, reason, violations, violationCount, retryDelay);
  }
}

function isServiceError(err: unknown): err is grpc.ServiceError {
  return err instanceof Error && 'code' in err && 'details' in err && 'metadata' in err;
}

const messages = loadSync(fileURLToPath(new URL('../proto/stoker/examples/errors.proto', import.meta.url)), { keepCase: true, longs: Number });

function decode<T>(message: string, value: Buffer): T {
  const definition = messages[`stoker.examples.${message}`] as MessageTypeDefinition<object, object>;
  return definition.deserialize(value) as T;
}

/** The details of an error, each with the full name of its type. */
function details(trailer: grpc.Metadata): { name: string; value: Buffer }[] {
  const [status] = trailer.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(status)) {
    return [];
  }
  const list = decode<{ details?: { type_url?: string; value?: Buffer }[] }>('Status', status).details ?? [];
  return list.map(({ type_url = '', value = Buffer.alloc(0) }) => ({ name: type_url.split('/').at(-1) ?? '', value }));
}
