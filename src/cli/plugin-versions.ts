// What a CNI plugin says of itself: it is started once, with VERSION. Whatever the file is, the answer comes within the time and the
// length that are given for it, and no process of it is left.

import { SECOND_MS } from "../base/units.ts";

export type PluginAnswer =
  | { readonly versions: readonly string[] }
  /** Why there is no answer, and what to do where that follows from it. */
  | { readonly trouble: string; readonly next?: string };

const TIMEOUT_MS = 10 * SECOND_MS;
const ANSWER_BYTES_MAX = 64 * 1024;
const SHOWN_MAX = 80;

/** Never rejects. `timeoutMs` is real time. */
export async function askPluginVersions(path: string, timeoutMs = TIMEOUT_MS): Promise<PluginAnswer> {
  let child: Bun.Subprocess<Blob, "pipe", "ignore">;
  try {
    child = Bun.spawn([path], {
      env: { CNI_COMMAND: "VERSION" },
      stdin: new Blob(['{"cniVersion":"0.4.0"}']),
      stdout: "pipe",
      stderr: "ignore",
      // A group of its own: what it starts in turn can hold the pipe, and ends with it.
      detached: true,
    });
  } catch (error) {
    return startTrouble(path, error);
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise<{ readonly trouble: string }>((resolve) => {
    const trouble = `it did not end within ${timeoutMs / SECOND_MS} s`;
    timer = setTimeout(() => resolve({ trouble }), timeoutMs);
  });
  const reader = child.stdout.getReader();
  const printed = await Promise.race([readAnswer(reader), timeUp]);
  const whole = "text" in printed ? await Promise.race([child.exited.then(() => printed), timeUp]) : printed;
  clearTimeout(timer);
  if ("text" in whole) return readVersions(whole.text, child);
  endGroup(child.pid);
  reader.cancel().catch(() => {});
  return whole;
}

/** All that is printed, unless that is too much. */
async function readAnswer(reader: {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}): Promise<{ readonly text: string } | { readonly trouble: string }> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text };
    text += decoder.decode(value, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) return { trouble: `it printed more than ${ANSWER_BYTES_MAX} bytes` };
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function readVersions(text: string, child: Bun.Subprocess): PluginAnswer {
  if (text.trim() === "") {
    const how = child.signalCode === null ? `with status ${child.exitCode}` : `by ${child.signalCode}`;
    return { trouble: `it printed nothing and ended ${how}` };
  }
  const shown = JSON.stringify(text.trim().slice(0, SHOWN_MAX));
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { trouble: `what it printed is no JSON: ${shown}` };
  }
  const versions = (answer as { readonly supportedVersions?: unknown } | null)?.supportedVersions;
  if (Array.isArray(versions) && versions.every((one) => typeof one === "string")) return { versions };
  return { trouble: `its answer names no supportedVersions: ${shown}` };
}

function startTrouble(path: string, error: unknown): PluginAnswer {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EACCES":
    case "EPERM":
      return {
        trouble: "it may not be executed",
        next: `chmod 0755 ${path}, on a filesystem that is not mounted noexec.`,
      };
    case "ENOEXEC":
      return { trouble: "it is no program that this machine can run" };
    case "ENOENT":
      return { trouble: "the interpreter or loader that it names is not there" };
    default:
      return { trouble: `it cannot be started (${code ?? error})` };
  }
}
