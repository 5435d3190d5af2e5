// Pods that ping each other while a run goes on: pairs drawn from the running pods, by the way that their packets take. What
// came of them is counted; a lost ping, or one that arrived with another's address, is a finding.

import { parseIpv4 } from "../base/ipv4.ts";
import type { Prng } from "../base/prng.ts";
import type { World } from "../emulator/model/world.ts";
import { INTERNET_ADDRESS, PEER_ADDRESS } from "./fabric.ts";
import { holdingEni, primaryAddressOf } from "./fabric-picture.ts";
import { PING_PATHS, type PingCount, type PingPath, type PingTrouble } from "./ping-count.ts";
import type { PodNetwork, PodPlace } from "./pod-network.ts";

export interface PingerOptions {
  readonly network: PodNetwork;
  readonly world: World;
  /** Whether nodes leave the translation of pods' addresses to somebody else. */
  readonly isExternalSnat: boolean;
  readonly prng: Prng;
  readonly onText: (text: string) => void;
}

interface Tally {
  sent: number;
  answered: number;
  wrongSource: number;
  readonly times: number[];
}

const ROUND_REAL_MS = 100;
const PINGS_PER_ROUND = 4;
const TIMES_MAX = 500;
const DRAWS_MAX = 20;

interface Draw {
  readonly path: PingPath;
  readonly from: PodPlace;
  readonly to: string;
  /** Of both ends, those that are pods. */
  readonly pods: readonly PodPlace[];
  readonly isStillThere: () => boolean;
}

export class Pinger {
  readonly #options: PingerOptions;
  readonly #tallies = new Map<PingPath, Tally>(
    PING_PATHS.map((path) => [path, { sent: 0, answered: 0, wrongSource: 0, times: [] }]),
  );
  readonly #troubles = new Map<string, { -readonly [Key in keyof PingTrouble]: PingTrouble[Key] }>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #round = 0;

  constructor(options: PingerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (let index = 0; index < PINGS_PER_ROUND; index++) {
        const path = PING_PATHS[this.#round++ % PING_PATHS.length]!;
        const draw = this.#draw(path);
        if (draw !== undefined) void this.#ping(draw);
      }
    }, ROUND_REAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  counts(): PingCount[] {
    return [...this.#tallies].map(([path, { times, ...counted }]) => {
      const sorted = [...times].sort((a, b) => a - b);
      return { path, ...counted, msP50: sorted[Math.floor(sorted.length / 2)] ?? null };
    });
  }

  /** Pods whose pings failed, the worst first. */
  troubles(): PingTrouble[] {
    const total = ({ lost, wrongSource }: PingTrouble): number => lost + wrongSource;
    return [...this.#troubles.values()].map((one) => ({ ...one })).sort((a, b) => total(b) - total(a));
  }

  #blame({ podName, namespace, nodeName, address }: PodPlace): { lost: number; wrongSource: number } {
    const key = `${podName} ${address}`;
    const known = this.#troubles.get(key) ?? { podName, namespace, nodeName, address, lost: 0, wrongSource: 0 };
    this.#troubles.set(key, known);
    return known;
  }

  /** A pair of that kind; undefined when none was found. */
  #draw(path: PingPath): Draw | undefined {
    const { network, prng, world, isExternalSnat } = this.#options;
    const places = [...network.places.values()];
    const isThere = (place: PodPlace): boolean => [...network.places.values()].includes(place);
    for (let index = 0; places.length > 0 && index < DRAWS_MAX; index++) {
      const from = places[prng.below(places.length)]!;
      if (path === "outside") {
        const to = isExternalSnat ? PEER_ADDRESS : INTERNET_ADDRESS;
        return { path, from, to, pods: [from], isStillThere: () => isThere(from) };
      }
      const to = places[prng.below(places.length)]!;
      if (from === to) continue;
      const isSameNode = from.nodeName === to.nodeName;
      const isSecondary = [from, to].some((place) => isOnSecondary(world, place));
      const kind = isSameNode ? "same-node" : isSecondary ? "secondary-eni" : "other-node";
      if (kind !== path) continue;
      return { path, from, to: to.address, pods: [from, to], isStillThere: () => isThere(from) && isThere(to) };
    }
    return undefined;
  }

  async #ping({ path, from, to, pods, isStillThere }: Draw): Promise<void> {
    const { world, isExternalSnat, onText } = this.#options;
    const heard = await from.echo.ping(to);
    // A pod that ended meanwhile owes no answer.
    if (heard === undefined && !isStillThere()) return;
    const tally = this.#tallies.get(path)!;
    tally.sent++;
    if (heard === undefined) {
      for (const pod of pods) this.#blame(pod).lost++;
      onText(`no answer to a ping from ${from.address} on ${from.nodeName} to ${to} (${path})`);
      return;
    }
    tally.answered++;
    tally.times.push(heard.milliseconds);
    if (tally.times.length > TIMES_MAX) tally.times.shift();
    const expected = path === "outside" && !isExternalSnat ? primaryAddressOf(world, from.instanceId) : from.address;
    if (heard.seenFrom === expected) return;
    tally.wrongSource++;
    this.#blame(from).wrongSource++;
    onText(`${to} saw ${heard.seenFrom} instead of ${expected} (${path})`);
  }
}

function isOnSecondary(world: World, place: PodPlace): boolean {
  const eni = holdingEni(world, place.instanceId, parseIpv4(place.address) ?? 0);
  return eni !== undefined && eni.deviceIndex > 0;
}
