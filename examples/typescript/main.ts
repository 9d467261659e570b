/**
 * A small program that uses the client:
 *
 *   npx tsx main.ts submit night.json              submit a batch, print its id
 *   npx tsx main.ts watch BATCH [CURSOR-FILE]      print its changes, one message per line
 *   npx tsx main.ts cancel BATCH|JOB [REASON]      print the new state
 *
 * STOKER_SERVER names the server. To another machine the connection has TLS, and to this one if a file for it is named:
 * STOKER_TLS_CA has the CA of the server; without it, the public CAs count. STOKER_TOKEN_FILE, STOKER_TOKEN, or
 * STOKER_TLS_CERT and STOKER_TLS_KEY prove who calls. Exit codes: 0; 1 the batch did not succeed, or the call
 * failed; 2 the request is wrong.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

import { credentials, type ChannelCredentials } from '@grpc/grpc-js';

import type { SubmitBatchRequest } from './gen/stoker/v1/SubmitBatchRequest.js';
import { isLoopback, Stoker, StokerError } from './stoker.js';

const server = process.env['STOKER_SERVER'] || '127.0.0.1:7070';
const stoker = new Stoker(server, transport(), token());

/** The TLS of the connection; undefined for plain text. */
function transport(): ChannelCredentials | undefined {
  const content = (name: string) => (process.env[name] ? readFileSync(process.env[name]) : null);
  const [ca, key, cert] = ['STOKER_TLS_CA', 'STOKER_TLS_KEY', 'STOKER_TLS_CERT'].map(content);
  return isLoopback(server) && !ca && !key && !cert ? undefined : credentials.createSsl(ca, key, cert);
}

/** What returns the token of the caller; undefined if there is none. */
function token(): (() => string) | undefined {
  const file = process.env['STOKER_TOKEN_FILE'];
  const text = process.env['STOKER_TOKEN']?.trim();
  if (file) {
    return () => readFileSync(file, 'utf8').trim(); // for each call, so that it can be replaced
  }
  return text ? () => text : undefined;
}

async function watch(batch: string, cursorFile?: string): Promise<number> {
  const cursor = cursorFile && existsSync(cursorFile) ? readFileSync(cursorFile, 'utf8') : '';
  for await (const message of stoker.watch({ batch_id: batch, include_jobs: true, cursor })) {
    console.log(JSON.stringify(message));
    if (cursorFile) {
      replace(cursorFile, message.cursor ?? ''); // the message above need not be sent again
    }
  }
  const { state } = await stoker.get(batch);
  return state === 'BATCH_STATE_SUCCEEDED' ? 0 : 1;
}

/** Reads the request in a file; undefined, with a complaint, if it is no JSON. */
function parse(file: string): SubmitBatchRequest | undefined {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text) as SubmitBatchRequest;
  } catch (err) {
    console.error(`${file}: ${(err as Error).message}`);
    return undefined;
  }
}

/** Writes a file as a whole. If the program is killed meanwhile, the old text stays. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function main([command, subject, extra]: string[]): Promise<number> {
  if (subject === undefined) {
    console.error('usage: main.ts submit FILE | watch BATCH [CURSOR-FILE] | cancel BATCH|JOB [REASON]');
    return 2;
  }
  switch (command) {
    case 'submit': {
      const request = parse(subject);
      if (request === undefined) {
        return 2;
      }
      const batch = await stoker.submit(request);
      console.log(batch.id);
      return 0;
    }
    case 'watch':
      return watch(subject, extra);
    case 'cancel':
      console.log(await stoker.cancel(subject, extra));
      return 0;
  }
  console.error(`no such command: ${command}`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (err) {
  if (!(err instanceof StokerError)) {
    throw err;
  }
  if (err.violations.length === 0) {
    console.error(`${err.message} (${err.reason || err.code})`);
  }
  for (const { field, description } of err.violations) {
    console.error(`${field}: ${description}`);
  }
  if (err.violationCount > err.violations.length) {
    console.error(`and ${err.violationCount - err.violations.length} more`);
  }
  process.exitCode = err.violations.length > 0 ? 2 : 1;
} finally {
  stoker.close();
}
