// The instance metadata service, version 2, of every instance of the world: `/imds/<instance id>/latest/...`. The protocol has
// no way to say which instance asks, so each has its own path prefix; clients keep the path of a configured endpoint.
// Tokens, methods and statuses are decided here, the answers come from the model.
//
// Statuses as documented: docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html, read 2026-08.
// That other methods answer 405 is inferred.

import type { Ms } from "../../base/units.ts";
import type { ImdsAnswer } from "../model/types.ts";
import { type ImdsTokens, parseTtlSeconds } from "./imds-tokens.ts";

const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER = "x-aws-ec2-metadata-token";

/** What the service needs of the world. */
export interface ImdsWorld {
  hasInstance(instanceId: string): boolean;
  /** `path` from the root: `/latest/meta-data/mac`, `/latest/dynamic/instance-identity/document`. */
  imds(instanceId: string, path: string, nowMs: Ms): ImdsAnswer;
}

export interface ImdsReply {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly replyAtMs: Ms;
}

export interface ImdsCall {
  readonly method: string;
  /** Of the URL: `/imds/i-1/latest/meta-data/mac`, with as many slashes as the client likes. */
  readonly path: string;
  readonly headers: { get(name: string): string | null };
  readonly nowMs: Ms;
}

const TEXT = { "content-type": "text/plain", server: "EC2ws" };

export function answerImds(world: ImdsWorld, tokens: ImdsTokens, call: ImdsCall): ImdsReply {
  const { method, headers, nowMs } = call;
  const refuse = (status: number, title: string, more: Readonly<Record<string, string>> = {}): ImdsReply => ({
    status,
    body: errorPage(status, title),
    headers: { ...TEXT, "content-type": "text/html", ...more },
    replyAtMs: nowMs,
  });
  // Slashes in a row count as one: the JavaScript SDK asks for `//latest/...` (ec2-vpc.md 5.3).
  const parts = unescaped(call.path).split("/");
  const [, instanceId = "", ...rest] = parts.filter((part) => part !== "");
  const path = `/${rest.join("/")}`;
  if (!world.hasInstance(instanceId)) {
    return refuse(404, `Not Found: this emulator has no instance ${printable(instanceId)}`);
  }

  if (path === "/latest/api/token") {
    if (method !== "PUT") return refuse(405, "Method Not Allowed", { allow: "OPTIONS, PUT" });
    if (headers.get("x-forwarded-for") !== null) return refuse(403, "Forbidden");
    const ttlSeconds = parseTtlSeconds(headers.get(TTL_HEADER));
    if (ttlSeconds === undefined) return refuse(400, "Bad Request");
    return {
      status: 200,
      body: tokens.issue(instanceId, nowMs + ttlSeconds * 1000),
      headers: { ...TEXT, [TTL_HEADER]: String(ttlSeconds) },
      replyAtMs: nowMs,
    };
  }
  if (method !== "GET" && method !== "HEAD") return refuse(405, "Method Not Allowed", { allow: "OPTIONS, GET, HEAD" });
  const token = headers.get(TOKEN_HEADER);
  if (token === null || !tokens.accepts(token, instanceId, nowMs)) return refuse(401, "Unauthorized");

  const answer = world.imds(instanceId, path, nowMs);
  if (answer.status === 200) return plain(answer.body, answer.replyAtMs);
  const title = answer.status === 503 ? "Service Unavailable" : "Not Found";
  return { ...refuse(answer.status, title), replyAtMs: answer.replyAtMs };
}

function plain(body: string, replyAtMs: Ms): ImdsReply {
  return { status: 200, body, headers: TEXT, replyAtMs };
}

function errorPage(status: number, title: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
<head><title>${status} - ${title}</title></head>
<body><h1>${status} - ${title}</h1></body>
</html>
`;
}

/** MACs may come with escaped colons; a path with a broken escape stays as it is, and matches nothing. */
function unescaped(path: string): string {
  try {
    return path.includes("%") ? decodeURIComponent(path) : path;
  } catch {
    return path;
  }
}

/** Ids that are not ids could hold anything: only harmless characters come back, and not many. */
function printable(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, "?").slice(0, 64);
}
