// The way to the server: the contract over Connect, in its binary form, from the address that the page came from.

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AccountService } from "../gen/stoker/v1/account_service_pb";
import { CatalogService } from "../gen/stoker/v1/catalog_service_pb";
import { SubmissionService } from "../gen/stoker/v1/submission_service_pb";
import { AccessService } from "../gen/stoker/v1/access_service_pb";
import { AuditService } from "../gen/stoker/v1/audit_service_pb";
import { BatchService } from "../gen/stoker/v1/batch_service_pb";
import { sentence } from "./format";

/** refused is called when the server asks for a token. */
let refused = () => {};

/** onRefused says what to do when the server asks for a token. */
export function onRefused(f: () => void) {
  refused = f;
}

/** noticeRefusal looks whether a call was refused for want of a token. */
export function noticeRefusal(err: unknown) {
  if (codeOf(err) === Code.Unauthenticated) refused();
}

const notice: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (err) {
    noticeRefusal(err);
    throw err;
  }
};

/** base is the address that the page came from, without a slash at its end. */
export const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

const transport = createConnectTransport({
  baseUrl: base,
  useBinaryFormat: true,
  interceptors: [notice],
});

export const batches = createClient(BatchService, transport);
export const catalog = createClient(CatalogService, transport);
export const submissions = createClient(SubmissionService, transport);
export const access = createClient(AccessService, transport);
export const audit = createClient(AuditService, transport);
export const accounts = createClient(AccountService, transport);

/** codeOf is the code of an error of a call. */
export function codeOf(err: unknown): Code {
  return ConnectError.from(err).code;
}

/** unreachable says whether a call failed because no server answered, or because the server cannot answer at present. */
export function unreachable(err: unknown): boolean {
  const e = ConnectError.from(err);
  return e.code === Code.Unavailable || e.cause instanceof TypeError || err instanceof TypeError;
}

/** unheard says whether a call failed without a word of the server: what a proxy says has no details. */
export function unheard(err: unknown): boolean {
  return unreachable(err) && ConnectError.from(err).details.length === 0;
}

/** stopping says whether the server itself said that it stops. */
export function stopping(err: unknown): boolean {
  return ConnectError.from(err).details.some((d) => "value" in d && new TextDecoder().decode(d.value as Uint8Array).includes("SHUTTING_DOWN"));
}

/** explain puts an error of a call into a sentence. */
export function explain(err: unknown): string {
  if (unheard(err)) return "The server cannot be reached.";
  if (stopping(err)) return "The server is stopping.";
  return sentence(ConnectError.from(err).rawMessage || "The server gave no reason");
}
