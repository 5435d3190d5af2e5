// The emulated VPC over HTTP, on one port: the EC2 Query API at any path, `/imds/<instance id>/latest/...` for the metadata
// service of each instance, `/control/...` to change the world while it runs. This part reads requests, waits until a reply is
// due, and sends it; what the reply says is the model's.
//
// Nothing that arrives can crash it or make it hold more than a bounded amount: requests have a largest size, waiting replies
// a largest number, and a request that cannot be read gets an error in the form that its client understands.

import type { Ms } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ActReply, Vpc } from "../model/index.ts";
import { decodeRequest, encodeReply, type WireReply } from "../wire/index.ts";
import { answerControl } from "./control.ts";
import { DelayedReplies } from "./delayed-replies.ts";
import { answerImds, type ImdsWorld } from "./imds.ts";
import { ImdsTokens } from "./imds-tokens.ts";
import { checkListenHost, describeListenFailure, type ListenAddress } from "./loopback-listen.ts";

export interface EmulatorOptions {
  readonly vpc: Vpc;
  readonly listen: ListenAddress;
  readonly clock: Clock;
  /** Listen where other machines can connect. Default: refuse. */
  readonly allowNonLoopback?: boolean | undefined;
  /** Warnings and unexpected errors, one line each. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface RunningEmulator {
  readonly port: number;
  /** For AWS_ENDPOINT_URL_EC2. */
  readonly ec2Url: string;
  readonly controlUrl: string;
  /** For AWS_EC2_METADATA_SERVICE_ENDPOINT of that instance. */
  imdsUrl(instanceId: string): string;
  /** Drops waiting replies and open connections; resolves when the port is free. */
  close(): Promise<void>;
}

/** Larger than any real request: RunInstances with user data stays far below. */
const BODY_BYTES_MAX = 1024 * 1024;
const WAITING_REPLIES_MAX = 20_000;

/** Rejects with `ListenError` when it may not or cannot listen there. */
export async function startEmulator(options: EmulatorOptions): Promise<RunningEmulator> {
  const { vpc, listen, clock } = options;
  const log = options.log ?? (() => {});
  const warning = checkListenHost(listen.host, options.allowNonLoopback === true);
  if (warning !== undefined) log(warning);

  const replies = new DelayedReplies(clock, WAITING_REPLIES_MAX);
  const tokens = new ImdsTokens("slash28");
  const metadata: ImdsWorld = {
    hasInstance: (id) => vpc.world.instances.has(id),
    imds: (id, path, nowMs) => vpc.imds(id, path, nowMs),
  };
  let unreadCount = 0;

  const ec2 = async (request: Request, server: Bun.Server<undefined>, query: string): Promise<Response> => {
    const nowMs = clock.nowMs();
    const text = await readForm(request, query);
    if (typeof text !== "string") return ec2Error(text, unreadCount++);
    const decoded = decodeRequest(text);
    if (decoded.kind === "error") return ec2Error(decoded, unreadCount++);
    if (!replies.hasRoom) {
      const message = `More than ${WAITING_REPLIES_MAX} replies are waiting. Please try again.`;
      return ec2Error({ kind: "error", code: "Unavailable", message, httpStatus: 503 }, unreadCount++);
    }
    const result = vpc.act(decoded.request, nowMs);
    const isSent = result.replyAtMs <= nowMs || (await waitUntil(result.replyAtMs, request, server));
    if (!isSent || result.isReplyDropped) return droppedConnection();
    return toResponse(encodeReply(result), result.requestId);
  };

  const waitUntil = (atMs: Ms, request: Request, server: Bun.Server<undefined>): Promise<boolean> => {
    server.timeout(request, 0);
    return replies.until(atMs, request.signal);
  };

  const imds = async (request: Request, server: Bun.Server<undefined>, path: string): Promise<Response> => {
    const nowMs = clock.nowMs();
    const reply = answerImds(metadata, tokens, { method: request.method, path, headers: request.headers, nowMs });
    if (reply.replyAtMs > nowMs && !(await waitUntil(reply.replyAtMs, request, server))) return droppedConnection();
    return new Response(reply.body, { status: reply.status, headers: reply.headers });
  };

  const control = async (request: Request, server: Bun.Server<undefined>, path: string): Promise<Response> => {
    const body = await readBody(request);
    const reply =
      body === undefined
        ? { status: 413, json: { error: { what: "the body is too large", next: "Send less than 1 MiB." } } }
        : answerControl(vpc, {
            method: request.method,
            path,
            headers: request.headers,
            peerAddress: server.requestIP(request)?.address,
            body,
            nowMs: clock.nowMs(),
          });
    return Response.json(reply.json, { status: reply.status });
  };

  const server = listenOn(listen, {
    async fetch(request, server): Promise<Response> {
      const { path, query } = splitUrl(request.url);
      try {
        if (path.startsWith("/imds/")) return await imds(request, server, path);
        if (path === "/control" || path.startsWith("/control/")) return await control(request, server, path);
        return await ec2(request, server, query);
      } catch (error) {
        log(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        const message = "An internal error has occurred";
        return ec2Error({ kind: "error", code: "InternalError", message, httpStatus: 500 }, unreadCount++);
      }
    },
  });

  const port = server.port ?? listen.port;
  const origin = `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${port}`;
  return {
    port,
    ec2Url: origin,
    controlUrl: `${origin}/control`,
    imdsUrl: (instanceId) => `${origin}/imds/${instanceId}`,
    async close() {
      replies.cancelAll();
      await server.stop(true);
    },
  };
}

function listenOn(
  listen: ListenAddress,
  handler: { fetch(request: Request, server: Bun.Server<undefined>): Promise<Response> },
): Bun.Server<undefined> {
  try {
    return Bun.serve<undefined>({
      hostname: listen.host,
      port: listen.port,
      development: false,
      // Said aloud: without it, and with development off, Bun 1.4.5 shares a port that another process listens on.
      reusePort: false,
      // Seconds that a connection may be idle; replies that wait lift it for theirs.
      idleTimeout: 120,
      // `readBody` bounds what is kept; this one only lets large requests get as far as an error that EC2 clients can read.
      maxRequestBodySize: 64 * BODY_BYTES_MAX,
      fetch: handler.fetch,
    });
  } catch (error) {
    throw describeListenFailure(error, listen);
  }
}

function splitUrl(url: string): { path: string; query: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return { path: "/", query: "" };
  const mark = url.indexOf("?", start);
  return mark < 0
    ? { path: url.slice(start), query: "" }
    : { path: url.slice(start, mark), query: url.slice(mark + 1) };
}

type ErrorReply = Extract<ActReply, { kind: "error" }>;

/** The form that carries the call: the body, the query string, or both joined. */
async function readForm(request: Request, query: string): Promise<string | ErrorReply> {
  if (request.method === "GET" || request.method === "HEAD") return query;
  if (request.method !== "POST") {
    const message = `The HTTP method ${request.method} is not supported. Use POST or GET.`;
    return { kind: "error", code: "InvalidRequest", message, httpStatus: 405 };
  }
  const type = request.headers.get("content-type");
  if (type !== null && !/^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    const message = "The Content-Type of the request must be application/x-www-form-urlencoded.";
    return { kind: "error", code: "InvalidRequest", message, httpStatus: 415 };
  }
  const body = await readBody(request);
  if (body === undefined) {
    const message = `The request is larger than ${BODY_BYTES_MAX} bytes.`;
    return { kind: "error", code: "RequestEntityTooLarge", message, httpStatus: 413 };
  }
  // Bytes that are not UTF-8 were read as U+FFFD, which no client sends without escaping it.
  if (body.includes("\ufffd")) {
    const message = "The request is not valid UTF-8.";
    return { kind: "error", code: "MalformedQueryString", message, httpStatus: 400 };
  }
  return query === "" ? body : `${query}&${body}`;
}

/** The body as text; undefined when it is larger than `BODY_BYTES_MAX`. Never keeps more than that. */
async function readBody(request: Request): Promise<string | undefined> {
  if (request.body === null) return "";
  const length = request.headers.get("content-length");
  if (length !== null) return Number(length) > BODY_BYTES_MAX ? undefined : await request.text();
  const decoder = new TextDecoder();
  let text = "";
  let byteCount = 0;
  for await (const chunk of request.body) {
    byteCount += chunk.byteLength;
    if (byteCount > BODY_BYTES_MAX) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function toResponse(wire: WireReply, requestId: string): Response {
  return new Response(wire.body, {
    status: wire.httpStatus,
    headers: {
      "content-type": "text/xml;charset=UTF-8",
      "x-amzn-requestid": requestId,
      "cache-control": "no-cache, no-store",
      server: "AmazonEC2",
    },
  });
}

/** The answer to a request that never reached the model. `sequence` makes its request id. */
function ec2Error(reply: ErrorReply, sequence: number): Response {
  const requestId = `00000000-0000-4000-8000-${sequence.toString(16).padStart(12, "0").slice(-12)}`;
  return toResponse(encodeReply({ action: "", requestId, reply }), requestId);
}

/** Closes the connection without a byte: a body that fails before its head was sent. */
function droppedConnection(): Response {
  return new Response(
    new ReadableStream({
      pull(controller) {
        // Without a reason: the server logs any other.
        controller.error();
      },
    }),
  );
}
