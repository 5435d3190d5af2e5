// One question to the agent's JSON socket (docs/agent.md), for commands of the same node.

const ANSWER_BYTES_MAX = 64 * 1024;

export interface AgentStatus {
  readonly isServing: boolean;
  /** Somebody takes connections there, whatever the answer, or none. */
  readonly isThere: boolean;
  /** Why not, in the agent's words or the socket's; empty when it serves. */
  readonly message: string;
}

/** Never rejects: whatever keeps the agent from answering is the message. `timeoutMs` is real time. */
export function askAgentStatus(path: string, timeoutMs: number): Promise<AgentStatus> {
  return new Promise((resolve) => {
    let text = "";
    let opened: Bun.Socket | undefined;
    const decoder = new TextDecoder();
    const give = (answer: Omit<AgentStatus, "isThere">): void => {
      clearTimeout(timer);
      // First: `end` reports the close at once, and the first word counts.
      resolve({ ...answer, isThere: opened !== undefined });
      opened?.end();
    };
    const fail = (message: string): void => give({ isServing: false, message });
    const timer = setTimeout(() => fail(`no answer on ${path} within ${timeoutMs} ms`), timeoutMs);
    Bun.connect({
      unix: path,
      socket: {
        open(socket) {
          opened = socket;
          socket.write(`${JSON.stringify({ v: 1, op: "status" })}\n`);
        },
        data(_socket, chunk) {
          text += decoder.decode(chunk, { stream: true });
          if (text.includes("\n")) give(parseStatus(text.slice(0, text.indexOf("\n"))));
          else if (text.length > ANSWER_BYTES_MAX) fail(`${path} sent more than an answer`);
        },
        close: () => fail(`the agent closed ${path} without an answer`),
        error: (_socket, error) => fail(error.message),
        connectError: (_socket, error) => fail(`nothing serves ${path}: ${error.message}`),
      },
    }).catch((error: unknown) => fail(`nothing serves ${path}: ${error instanceof Error ? error.message : error}`));
  });
}

function parseStatus(line: string): Omit<AgentStatus, "isThere"> {
  try {
    const answer = JSON.parse(line) as { readonly ok?: unknown; readonly reason?: unknown; readonly message?: unknown };
    if (answer.ok === true) return { isServing: true, message: "" };
    return { isServing: false, message: `${answer.reason ?? "not serving"}: ${answer.message ?? ""}` };
  } catch {
    return { isServing: false, message: `the answer is not JSON: ${line.slice(0, 80)}` };
  }
}
