// Who hears whom inside network namespaces: one UDP socket a place, all of them in this process. A ping is a datagram that the
// other side sends back with the address from which it saw it come.

import { systemClock } from "../drivers/clock-system.ts";
import { insideNamespace } from "../drivers/network-namespaces.ts";

export const ECHO_PORT = 2828;
/** An IPv4 header and a UDP header, in bytes. */
const HEADER_LENGTH = 28;
/** Kind and id of a datagram; an answer has four more bytes, with the address that was seen. */
const ASK = 1;
const ANSWER = 2;
const LENGTH_MIN = 16;
/** A loaded machine is slow, not cut off. */
const TIMEOUT_MS = 3_000;

export interface Heard {
  /** The source address as the other side saw it. */
  readonly seenFrom: string;
  /** Where the answer came from, as the asking side saw it. */
  readonly answeredFrom: string;
  readonly milliseconds: number;
}

const clock = systemClock();

type Socket = Bun.udp.Socket<"buffer">;

/** A place that answers pings and can send them. */
export class EchoPlace {
  readonly #socket: Socket;
  readonly #waiting: Map<number, (answer: { data: Buffer; from: string }) => void>;
  /** Every source address that this place was asked from. */
  readonly askedFrom = new Set<string>();
  #nextId = 1;

  private constructor(socket: Socket, waiting: Map<number, (answer: { data: Buffer; from: string }) => void>) {
    this.#socket = socket;
    this.#waiting = waiting;
  }

  /** Opens the socket inside a namespace, on one of its addresses or on all. */
  static async open(
    namespacePath: string,
    options: { readonly address?: string; readonly port?: number } = {},
  ): Promise<EchoPlace> {
    const waiting = new Map<number, (answer: { data: Buffer; from: string }) => void>();
    let place: EchoPlace | undefined;
    const socket = await insideNamespace(namespacePath, () =>
      Bun.udpSocket({
        hostname: options.address ?? "0.0.0.0",
        port: options.port ?? ECHO_PORT,
        socket: {
          data(own, data, port, from) {
            if (data.length < LENGTH_MIN) return;
            if (data[0] === ANSWER) waiting.get(data.readUInt32BE(4))?.({ data: Buffer.from(data), from });
            else if (data[0] === ASK) {
              place?.askedFrom.add(from);
              const answer = Buffer.from(data);
              answer[0] = ANSWER;
              answer.set(from.split(".").map(Number), 8);
              trySend(own, answer, port, from);
            }
          },
          error() {},
        },
      }),
    );
    place = new EchoPlace(socket, waiting);
    return place;
  }

  /** undefined: no answer in time. `packetLength`: of the whole IPv4 packet, in bytes; never fragmented up to the path's MTU. */
  async ping(
    address: string,
    options: { readonly port?: number; readonly timeoutMs?: number; readonly packetLength?: number } = {},
  ): Promise<Heard | undefined> {
    const id = this.#nextId++;
    const data = Buffer.alloc(Math.max(LENGTH_MIN, (options.packetLength ?? 0) - HEADER_LENGTH));
    data[0] = ASK;
    data.writeUInt32BE(id, 4);
    const startMs = clock.nowMs();
    return new Promise((resolve) => {
      const end = (heard: Heard | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(heard);
      };
      const timer = setTimeout(() => end(undefined), options.timeoutMs ?? TIMEOUT_MS);
      this.#waiting.set(id, ({ data: answer, from }) => {
        const seenFrom = [...answer.subarray(8, 12)].join(".");
        end({ seenFrom, answeredFrom: from, milliseconds: clock.nowMs() - startMs });
      });
      trySend(this.#socket, data, options.port ?? ECHO_PORT, address);
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** A send that the kernel refuses (no route, too long for the link) is a datagram that is lost. */
function trySend(socket: Socket, data: Buffer, port: number, address: string): void {
  try {
    socket.send(data, port, address);
  } catch {}
}
