// Load in a process of its own: `load.ts <port> <connections> <seconds>` with one request body per line on stdin. Keeps each
// connection busy with one request at a time; prints one JSON line {done, refused, seconds}.

import { connect, type Socket } from "node:net";

const [port = 0, connectionCount = 1, seconds = 1] = process.argv.slice(2).map(Number);
const bodies = (await new Response(Bun.stdin.stream()).text()).split("\n").filter((line) => line !== "");
const requests = bodies.map((body) =>
  Buffer.from(
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  ),
);

let next = 0;
let done = 0;
let refused = 0;
const startedMs = performance.now();
const untilMs = startedMs + seconds * 1000;

/** One connection's life: a request, its whole reply, the next request. */
function drive(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let heard = "";
    const send = (): void => {
      const request = requests[next++];
      if (request === undefined || performance.now() >= untilMs) {
        socket.destroy();
        resolve();
      } else socket.write(request);
    };
    socket.on("connect", send);
    socket.on("error", reject);
    socket.on("data", (data) => {
      heard += data.toString("latin1");
      const headEnd = heard.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(heard.slice(0, headEnd))?.[1] ?? 0);
      if (heard.length < headEnd + 4 + length) return;
      if (heard.startsWith("HTTP/1.1 200")) done++;
      else refused++;
      heard = "";
      send();
    });
  });
}

await Promise.all(Array.from({ length: connectionCount }, drive));
process.stdout.write(`${JSON.stringify({ done, refused, seconds: (performance.now() - startedMs) / 1000 })}\n`);
