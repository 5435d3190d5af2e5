// Our own socket: one JSON line in, one JSON line out, for our CNI plugin (docs/agent.md). Lines are bounded, answers come in the
// order of the questions of one connection, and a caller that hangs up before its answer gives its ADD back.

import { messageOf } from "./engine-host.ts";
import { answerLine, invalidRequest, type JsonRequestsOptions } from "./json-requests.ts";
import { claimSocketPath, ListenError, removeSocket, restrictSocket } from "./unix-socket.ts";

/** As much as the plugin reads of its runtime: the longest question, a GC's list, is no longer than what it was made from. */
const LINE_BYTES_MAX = 1024 * 1024;
const WAITING_LINES_MAX = 64;
/** Root only: whoever can speak here can take the node's addresses. */
const SOCKET_MODE = 0o600;

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
  /** Aborted when the caller hangs up. */
  readonly hangUp: AbortController;
  isClosed: boolean;
  /** The caller sends nothing more and waits for what it asked. */
  isHalfClosed: boolean;
  /** Close once everything is sent. */
  isLast: boolean;
}

/** Rejects with `ListenError`. */
export async function serveJson(path: string, options: JsonRequestsOptions): Promise<JsonSocketServer> {
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
    send(socket, invalidRequest(message));
  };
  const work = async (socket: Bun.Socket<Connection>): Promise<void> => {
    const connection = socket.data;
    if (connection.isAnswering) return;
    connection.isAnswering = true;
    for (let line = connection.lines.shift(); line !== undefined; line = connection.lines.shift()) {
      send(socket, await answerLine(line, options, connection.hangUp.signal));
    }
    connection.isAnswering = false;
    if (connection.isHalfClosed && !connection.isClosed) {
      connection.isLast = true;
      flush(socket);
    }
  };

  let listener: Bun.UnixSocketListener<Connection>;
  try {
    listener = Bun.listen<Connection>({
      unix: path,
      // A caller may close its side after its last line and still read: that is no hanging up, which comes with `close`.
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.data = {
            decoder: new TextDecoder(),
            text: "",
            lines: [],
            isAnswering: false,
            unsent: new Uint8Array(0),
            hangUp: new AbortController(),
            isClosed: false,
            isHalfClosed: false,
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
          if ([...pieces, connection.text].some((piece) => piece.length > LINE_BYTES_MAX)) {
            refuseAndEnd(socket, `a line has more than ${LINE_BYTES_MAX} bytes`);
          } else if (connection.lines.length > WAITING_LINES_MAX) {
            refuseAndEnd(socket, `more than ${WAITING_LINES_MAX} lines wait for an answer on one connection`);
          } else void work(socket);
        },
        drain: flush,
        end(socket) {
          const connection = socket.data;
          connection.isHalfClosed = true;
          if (connection.text.trim() !== "") connection.lines.push(connection.text);
          connection.text = "";
          void work(socket);
        },
        close(socket) {
          const connection = socket.data;
          connection.isClosed = true;
          connection.lines.length = 0;
          connection.hangUp.abort();
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
