// UDP between network namespaces as a stream of new connections: who sees a single packet with a wrong source address sees a rule
// that was missing for a moment.

import { linesOf } from "./run.ts";

const RECEIVER = `
const counts = {};
const [addresses, port] = process.argv.slice(1);
for (const address of addresses.split(",")) {
  await Bun.udpSocket({ hostname: address, port: Number(port), socket: { error() {}, data(socket, data, port, from) {
    const key = data.toString() + " from " + from;
    counts[key] = (counts[key] ?? 0) + 1;
    try { if (key.startsWith("lasting")) socket.send("answer", port, from); } catch {}
  } } });
}
console.log("ready");
for await (const _ of Bun.stdin.stream()) console.log(JSON.stringify(counts));
process.exit(0);`;

/** One connection that stays beside new ones, to each address. */
const SENDER = `
const addresses = process.argv[1].split(",");
const port = Number(process.argv[2]);
const lasting = await Bun.udpSocket({ socket: { error() {} } });
console.log("ready");
let isDone = false;
(async () => { for await (const _ of Bun.stdin.stream()) {} isDone = true; })();
while (!isDone) {
  for (const address of addresses) {
    const socket = await Bun.udpSocket({ socket: { error() {} } });
    try {
      socket.send("new to " + address, port, address);
      lasting.send("lasting to " + address, port, address);
    } catch {}
    socket.close();
  }
  await Bun.sleep(0);
}
process.exit(0);`;

export interface Peer {
  /** The receiver's counts so far, by "new|lasting to ADDRESS from SOURCE". */
  counts(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

export interface PeerOptions {
  readonly netnsPath: string;
  /** Of the receiver. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Counts what comes, and answers connections that stay. */
export function receive(options: PeerOptions): Promise<Peer> {
  return start(RECEIVER, options);
}

export function send(options: PeerOptions): Promise<Peer> {
  return start(SENDER, options);
}

async function start(script: string, { netnsPath, addresses, port }: PeerOptions): Promise<Peer> {
  const program = [process.execPath, "-e", script, addresses.join(","), String(port)];
  const command = ["nsenter", `--net=${netnsPath}`, ...program];
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);
  if ((await lines.next()).value !== "ready") throw new Error(`no peer in ${netnsPath}`);
  return {
    async counts() {
      child.stdin.write("?");
      await child.stdin.flush();
      return JSON.parse((await lines.next()).value ?? "{}") as Record<string, number>;
    },
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await child.exited;
      clearTimeout(timer);
    },
  };
}
