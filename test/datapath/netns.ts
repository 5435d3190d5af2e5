// Network namespaces of a test's own: made, asked with `ip`, and TCP between them.

import { writeFileSync } from "node:fs";
import { run, SYSTEM_PATH } from "./run.ts";

/** A namespace kept by a bind mount at a path that is not there yet, as runtimes keep a sandbox's. Returns the path. */
export function makeNamespace(path: string): string {
  writeFileSync(path, "");
  run("unshare", "--net", "mount", "--bind", "/proc/self/ns/net", path);
  return path;
}

/** What `ip` prints in a namespace that is a file anywhere. */
export function ipIn(netnsPath: string, ...words: readonly string[]): string {
  return run("nsenter", `--net=${netnsPath}`, "ip", ...words);
}

const SERVER = `
const server = Bun.listen({ hostname: "0.0.0.0", port: Number(process.argv[1]), socket: {
  open(socket) { socket.end(socket.remoteAddress); }, data() {} } });
console.log("listening");
setTimeout(() => { server.stop(true); process.exit(1); }, 20_000);`;

const CLIENT = `
let text = "";
Bun.connect({ hostname: process.argv[1], port: Number(process.argv[2]), socket: {
  data(_, chunk) { text += chunk.toString(); },
  close() { console.log(text); process.exit(0); },
  connectError(_, error) { console.error(error.message); process.exit(1); } } });
setTimeout(() => { console.error("no answer in 5 s"); process.exit(1); }, 5_000);`;

/** A TCP connection from one namespace to `address` and `port`, served in another. Resolves with the source address the server saw. */
export async function talk(options: {
  readonly from: string;
  readonly to: string;
  readonly address: string;
  readonly port: number;
  /** Where the server listens, when a port is mapped on the way. */
  readonly serverPort?: number;
}): Promise<string> {
  const inside = (netnsPath: string, ...words: string[]) =>
    Bun.spawn(["nsenter", `--net=${netnsPath}`, process.execPath, "-e", ...words], {
      env: { PATH: SYSTEM_PATH },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  const server = inside(options.to, SERVER, String(options.serverPort ?? options.port));
  try {
    const { value } = await server.stdout.getReader().read();
    if (value === undefined) throw new Error(`no server: ${await new Response(server.stderr).text()}`);
    const client = inside(options.from, CLIENT, options.address, String(options.port));
    const said = (await new Response(client.stdout).text()).trim();
    if ((await client.exited) !== 0)
      throw new Error(`${options.address}:${options.port}: ${(await new Response(client.stderr).text()).trim()}`);
    return said;
  } finally {
    server.kill();
    await server.exited;
  }
}
