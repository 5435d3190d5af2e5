// Our own socket: one JSON line in, one JSON line out, for our CNI plugin (docs/agent.md). Lines are bounded, answers come in the
// order of the questions of one connection, and a caller that hangs up before its answer gives its ADD back.

import { z } from "zod";
import { formatIpv4, parseIpv4 } from "../base/ipv4.ts";
import { type Reason, reasonPages } from "../ipam/reasons.ts";
import type { Engine, ReplyResult } from "../ipam/types.ts";
import type { AttachmentKey, Attachments } from "./attachments.ts";
import type { CniService } from "./cni-service.ts";
import { type EngineHost, messageOf } from "./engine-host.ts";
import { claimSocketPath, ListenError, removeSocket, restrictSocket } from "./unix-socket.ts";

const LINE_BYTES_MAX = 256 * 1024;
const WAITING_LINES_MAX = 64;
/** Root only: whoever can speak here can take the node's addresses. */
const SOCKET_MODE = 0o600;

/** No control characters: they occur in no name, and NUL separates the parts of a key. */
const CLEAN = /^[^\p{Cc}]*$/u;
const name = z.string().min(1).max(512).regex(CLEAN, "must not hold control characters");
const label = z.string().max(512).regex(CLEAN, "must not hold control characters");
const key = { networkName: name, containerId: name, ifName: name };
const version = z.literal(1);
const requestSchema = z.discriminatedUnion("op", [
  z.object({
    v: version,
    op: z.literal("add"),
    ...key,
    namespace: label.optional(),
    podName: label.optional(),
    timeoutMs: z.int().min(1).optional(),
  }),
  z.object({ v: version, op: z.literal("del"), ...key }),
  z.object({ v: version, op: z.literal("check"), ...key, address: z.string().optional() }),
  z.object({
    v: version,
    op: z.literal("gc"),
    networkName: name,
    valid: z.array(z.object({ containerId: name, ifName: name })).max(4_096),
  }),
  z.object({ v: version, op: z.literal("status") }),
]);
type JsonRequest = z.output<typeof requestSchema>;

export interface JsonSocketOptions {
  readonly path: string;
  readonly service: CniService;
  readonly host: EngineHost;
  readonly engine: Engine;
  readonly attachments: Attachments;
  /** Answers `status`: undefined when ADDs are served. */
  readonly notServing: () => Extract<Reason, "starting" | "stopping"> | undefined;
}

export interface JsonSocketServer {
  /** Takes no new connections. */
  stopAccepting(): void;
  /** Drops the connections that are left. */
  close(): void;
}

interface Connection {
  readonly decoder: TextDecoder;
  text: string;
  readonly lines: string[];
  isAnswering: boolean;
  unsent: Uint8Array;
  /** Number of the unanswered ADD. */
  requestId: number | undefined;
  isClosed: boolean;
  /** Close once everything is sent. */
  isLast: boolean;
}

/** Rejects with `ListenError`. */
export async function serveJson(options: JsonSocketOptions): Promise<JsonSocketServer> {
  const { path, host } = options;
  await claimSocketPath(path, "SLASH28_SOCKET");
  const encoder = new TextEncoder();

  const flush = (socket: Bun.Socket<Connection>): void => {
    const connection = socket.data;
    while (connection.unsent.length > 0) {
      const count = socket.write(connection.unsent);
      if (count <= 0) return;
      connection.unsent = connection.unsent.subarray(count);
    }
    if (connection.isLast) socket.end();
  };
  const send = (socket: Bun.Socket<Connection>, answer: object): void => {
    const connection = socket.data;
    if (connection.isClosed) return;
    const bytes = encoder.encode(`${JSON.stringify(answer)}\n`);
    if (connection.unsent.length === 0) connection.unsent = bytes;
    else {
      const joined = new Uint8Array(connection.unsent.length + bytes.length);
      joined.set(connection.unsent);
      joined.set(bytes, connection.unsent.length);
      connection.unsent = joined;
    }
    flush(socket);
  };
  const refuseAndEnd = (socket: Bun.Socket<Connection>, message: string): void => {
    socket.data.isLast = true;
    socket.data.lines.length = 0;
    send(socket, failure("invalid-request", message, undefined));
  };
  const work = async (socket: Bun.Socket<Connection>): Promise<void> => {
    const connection = socket.data;
    if (connection.isAnswering) return;
    connection.isAnswering = true;
    for (let line = connection.lines.shift(); line !== undefined; line = connection.lines.shift()) {
      const result = await answer(line, options, (requestId) => {
        connection.requestId = requestId;
      });
      connection.requestId = undefined;
      send(socket, result);
    }
    connection.isAnswering = false;
  };

  let listener: Bun.UnixSocketListener<Connection>;
  try {
    listener = Bun.listen<Connection>({
      unix: path,
      socket: {
        open(socket) {
          socket.data = {
            decoder: new TextDecoder(),
            text: "",
            lines: [],
            isAnswering: false,
            unsent: new Uint8Array(0),
            requestId: undefined,
            isClosed: false,
            isLast: false,
          };
        },
        data(socket, chunk) {
          const connection = socket.data;
          if (connection.isLast) return;
          connection.text += connection.decoder.decode(chunk, { stream: true });
          const pieces = connection.text.split("\n");
          connection.text = pieces.pop() ?? "";
          for (const piece of pieces) if (piece.trim() !== "") connection.lines.push(piece);
          if (connection.text.length > LINE_BYTES_MAX) {
            refuseAndEnd(socket, `a line has more than ${LINE_BYTES_MAX} bytes`);
          } else if (connection.lines.length > WAITING_LINES_MAX) {
            refuseAndEnd(socket, `more than ${WAITING_LINES_MAX} lines wait for an answer on one connection`);
          } else void work(socket);
        },
        drain: flush,
        close(socket) {
          const connection = socket.data;
          connection.isClosed = true;
          connection.lines.length = 0;
          if (connection.requestId !== undefined) host.abandon(connection.requestId);
        },
        error() {
          // The peer is gone; `close` follows.
        },
      },
    });
  } catch (error) {
    throw new ListenError(`The socket ${path} cannot be served: ${messageOf(error)}`, "Move it with SLASH28_SOCKET.");
  }
  restrictSocket(path, SOCKET_MODE);
  return {
    stopAccepting() {
      listener.stop(false);
      removeSocket(path);
    },
    close: () => listener.stop(true),
  };
}

async function answer(
  line: string,
  options: JsonSocketOptions,
  onRequest: (requestId: number) => void,
): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return failure("invalid-request", `the line is not JSON: ${line.slice(0, 80)}`, undefined);
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join(".") ?? "";
    return failure(
      "invalid-request",
      `${where === "" ? "request" : where}: ${issue?.message ?? "not understood"}`,
      undefined,
    );
  }
  try {
    return await perform(parsed.data, options, onRequest);
  } catch (error) {
    return failure("invalid-request", messageOf(error), undefined);
  }
}

async function perform(
  request: JsonRequest,
  options: JsonSocketOptions,
  onRequest: (requestId: number) => void,
): Promise<object> {
  const { service, engine, attachments, host } = options;
  switch (request.op) {
    case "add": {
      const { namespace, podName, timeoutMs } = request;
      const { id, result } = service.allocate(
        keyOf(request),
        {
          ...(namespace === undefined ? {} : { namespace }),
          ...(podName === undefined ? {} : { podName }),
          interfacesCount: 1,
        },
        { patienceMs: timeoutMs },
      );
      onRequest(id);
      return toJson(await result);
    }
    case "del":
      return toJson(await service.release(keyOf(request)).result);
    case "check": {
      const attachment = attachments.find(keyOf(request));
      const held = attachment === undefined ? undefined : engine.addressOf(attachment);
      if (held === undefined) return failure("invalid-request", "this attachment holds no address", undefined);
      if (request.address !== undefined && parseIpv4(request.address) !== held) {
        const message = `this attachment holds ${formatIpv4(held)}, not ${request.address}`;
        return failure("invalid-request", message, undefined);
      }
      return success({ address: formatIpv4(held) });
    }
    case "gc": {
      const listed = new Set(request.valid.map((one) => `${one.containerId}\u0000${one.ifName}`));
      const valid: number[] = [];
      // A list speaks for its own network only.
      for (const [attachment, text] of attachments.entries()) {
        const isListed = listed.has(`${text.containerId}\u0000${text.ifName}`);
        if (text.networkName !== request.networkName || isListed) valid.push(attachment);
      }
      return toJson(await host.collect(valid).result);
    }
    case "status": {
      const reason = options.notServing();
      if (reason === undefined) return success({});
      return failure(reason, reasonPages[reason].what, undefined);
    }
  }
}

function keyOf({ networkName, containerId, ifName }: AttachmentKey): AttachmentKey {
  return { networkName, containerId, ifName };
}

function toJson(result: ReplyResult): object {
  switch (result.kind) {
    case "allocated": {
      const { deviceNumber, routeTableId, isRepeat } = result;
      return success({ address: formatIpv4(result.address), deviceNumber, routeTableId, isRepeat });
    }
    case "released": {
      const { deviceNumber, routeTableId } = result;
      return success({ address: formatIpv4(result.address), deviceNumber, routeTableId });
    }
    // DEL of something already gone succeeds.
    case "unknownAttachment":
      return success({ address: null });
    case "collected":
      return success({ releasedCount: result.releasedCount });
    case "refused":
      return failure(result.reason, result.message, result.retryAfterMs);
  }
}

function success(fields: object): object {
  return { v: 1, ok: true, ...fields };
}

function failure(reason: Reason, message: string, retryAfterMs: number | undefined): object {
  return { v: 1, ok: false, reason, message, next: reasonPages[reason].next, retryAfterMs: retryAfterMs ?? null };
}
