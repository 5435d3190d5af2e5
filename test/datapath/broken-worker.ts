// A datapath thread that goes wrong in the way that the tests of src/drivers/datapath-thread.test.ts ask for in the place of the
// namespace's path.

declare const self: Worker;

let way = "";

self.onmessage = ({ data }: MessageEvent<{ kind: string; hostNamespacePath?: string; id?: number }>) => {
  if (data.kind === "open") {
    way = data.hostNamespacePath ?? "";
    if (way === "throws at once") throw new Error("planted");
    if (way === "ends at once") process.exit(0);
    postMessage({ kind: "ready" });
    return;
  }
  if (way === "hangs") Bun.sleepSync(5_000);
  if (way === "comes back") {
    Bun.sleepSync(1_000);
    postMessage({ kind: "result", id: data.id, value: [] });
  }
  if (way === "throws later") throw new Error("planted");
  if (way === "ends later") process.exit(0);
  if (way === "is stranded") postMessage({ kind: "fatal", message: "stranded" });
};
