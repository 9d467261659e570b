/**
 * A program that receives notifications:
 *
 *   npx tsx main.ts ADDRESS SECRET-FILE
 *
 * It verifies the signature of each, takes each once, and prints a line of JSON for it.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';

import { Webhook } from 'standardwebhooks';

const maxBody = 1 << 20; // bytes of a message; those of Stoker have a few thousand at most
const maxRemembered = 10_000; // messages and batches

/** What a notification has in common with all others, and the fields that this program uses. */
interface Message {
  type: string;
  data: { batch_id?: string; revision?: number };
}

const seen = new Set<string>(); // webhook-ids
const revisions = new Map<string, number>(); // the newest state that is known, by batch

/** Prints a message, unless it was taken before. */
function take(id: string, message: Message): void {
  if (seen.has(id)) {
    return;
  }
  if (seen.size >= maxRemembered || revisions.size >= maxRemembered) {
    seen.clear();
    revisions.clear();
  }
  seen.add(id);
  const { batch_id: batch, revision = 0 } = message.data;
  let old = false;
  if (batch !== undefined && message.type.startsWith('batch.')) {
    const newest = revisions.get(batch) ?? 0;
    old = revision < newest;
    revisions.set(batch, Math.max(revision, newest));
  }
  console.log(JSON.stringify({ id, type: message.type, batch, revision, old }));
}

/** Reads the body as it was sent: the signature is over its bytes. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) {
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Receives one message and returns the status of the answer. */
async function receive(webhook: Webhook, request: IncomingMessage): Promise<number> {
  const body = await read(request);
  if (body === undefined) {
    return 413;
  }
  let message: Message;
  try {
    message = webhook.verify(body, request.headers as Record<string, string>) as Message;
  } catch {
    return 401;
  }
  take(String(request.headers['webhook-id']), message);
  return 204;
}

const [address, file] = process.argv.slice(2);
if (address === undefined || file === undefined) {
  console.error('usage: main.ts ADDRESS SECRET-FILE');
  process.exit(2);
}
const webhook = new Webhook(readFileSync(file, 'utf8').trim());
const server = createServer((request, response) => {
  receive(webhook, request).then(
    (status) => response.writeHead(status).end(),
    () => response.destroy(), // the sender has hung up
  );
});
const at = address.lastIndexOf(':');
server.listen(Number(address.slice(at + 1)), address.slice(0, at), () => {
  const bound = server.address();
  console.error(`listening on http://${typeof bound === 'object' && bound ? `${bound.address}:${bound.port}` : address}`);
});
