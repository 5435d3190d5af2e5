// Instance metadata, version 2, over HTTP. Every read has a deadline; a token is renewed when it is refused or near its end.

import { type Cidr, type Ipv4, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { ImdsEni } from "../ipam/types.ts";
import type { Imds, ImdsInstance } from "../ports/imds.ts";

export interface ImdsHttpOptions {
  /** `http://169.254.169.254`; may carry a path, which is kept. */
  readonly endpoint: string;
  readonly timeoutMs: Ms;
  /** Monotonic real milliseconds. */
  readonly nowMs: () => Ms;
}

const TOKEN_TTL_SECONDS = 21_600;
const TOKEN_RENEW_MS = (TOKEN_TTL_SECONDS / 2) * 1000;
const TRIES = 3;
const CONCURRENT_READS_MAX = 16;

export class ImdsError extends Error {
  override readonly name = "ImdsError";
}

export function imdsHttp(options: ImdsHttpOptions): Imds {
  const base = options.endpoint.replace(/\/+$/, "");
  let token: { readonly text: string; readonly fetchedMs: Ms } | undefined;
  let fetching: Promise<string> | undefined;
  let readingCount = 0;
  const queue: (() => void)[] = [];

  async function request(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${base}${path}`, {
        ...init,
        signal: AbortSignal.timeout(options.timeoutMs),
        redirect: "error",
      });
    } catch (error) {
      throw new ImdsError(`instance metadata at ${base} did not answer ${path}: ${connectionText(error)}`);
    }
  }

  async function fetchToken(): Promise<string> {
    const answer = await request("/latest/api/token", {
      method: "PUT",
      headers: { "X-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_TTL_SECONDS) },
    });
    const text = await answer.text();
    if (!answer.ok) throw new ImdsError(`instance metadata gave no token: HTTP ${answer.status}`);
    token = { text, fetchedMs: options.nowMs() };
    return text;
  }

  /** Reads that need one at the same time share one fetch. */
  async function freshToken(): Promise<string> {
    if (token !== undefined && options.nowMs() - token.fetchedMs < TOKEN_RENEW_MS) return token.text;
    fetching ??= fetchToken().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  /** The body; undefined for 404. A node of many ENIs must not spend the service's packet allowance at once. */
  async function read(path: string): Promise<string | undefined> {
    if (readingCount >= CONCURRENT_READS_MAX) await new Promise<void>((resolve) => queue.push(resolve));
    else readingCount++;
    try {
      return await readNow(path);
    } finally {
      const next = queue.shift();
      if (next === undefined) readingCount--;
      else next();
    }
  }

  /** The body; undefined for 404. Throttling and server errors are tried again. */
  async function readNow(path: string): Promise<string | undefined> {
    for (let attempt = 1; ; attempt++) {
      const used = await freshToken();
      const answer = await request(path, { headers: { "X-aws-ec2-metadata-token": used } });
      const body = await answer.text();
      if (answer.ok) return body;
      if (answer.status === 404) return undefined;
      if (answer.status === 401 && token?.text === used) token = undefined;
      if (attempt === TRIES) throw new ImdsError(`instance metadata answered ${path} with HTTP ${answer.status}`);
      if (answer.status !== 401) await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt));
    }
  }

  async function need(path: string): Promise<string> {
    const body = await read(path);
    if (body === undefined) throw new ImdsError(`instance metadata has no ${path}`);
    return body.trim();
  }

  const data = (path: string) => `/latest/meta-data/${path}`;
  const ofMac = (mac: string, field: string) => data(`network/interfaces/macs/${mac}/${field}`);

  async function macs(): Promise<string[]> {
    return lines(await need(data("network/interfaces/macs/"))).map((mac) => mac.replace(/\/$/, ""));
  }

  /** One ENI; undefined when its MAC vanished or half of it is not there yet. */
  async function eniOf(mac: string): Promise<ImdsEni | undefined> {
    const fields = await read(ofMac(mac, ""));
    if (fields === undefined) return undefined;
    const names = new Set(lines(fields).map((name) => name.replace(/\/$/, "")));
    const optional = (field: string) => (names.has(field) ? read(ofMac(mac, field)) : Promise.resolve(undefined));
    const [eniId, deviceNumber, networkCard, subnetId, subnetCidr, addresses, prefixes] = await Promise.all([
      read(ofMac(mac, "interface-id")),
      read(ofMac(mac, "device-number")),
      optional("network-card"),
      read(ofMac(mac, "subnet-id")),
      read(ofMac(mac, "subnet-ipv4-cidr-block")),
      optional("local-ipv4s"),
      optional("ipv4-prefix"),
    ]);
    if (eniId === undefined || deviceNumber === undefined || subnetId === undefined) return undefined;
    const [primaryAddress = 0, ...secondary] = lines(addresses ?? "").map((text) => parseAddress(mac, text));
    return {
      eniId: eniId.trim(),
      mac,
      deviceNumber: Number(deviceNumber),
      networkCard: networkCard === undefined ? 0 : Number(networkCard),
      subnetId: subnetId.trim(),
      subnetCidr: parseCidr((subnetCidr ?? "").trim()) ?? { base: 0, prefixLength: 0 },
      primaryAddress,
      addresses: secondary,
      prefixes: lines(prefixes ?? "").map((text) => parseBlock(mac, text).base),
    };
  }

  return {
    async instance(): Promise<ImdsInstance> {
      const [availabilityZone, region, localIpv4, instanceId, instanceType, primaryMac] = await Promise.all([
        need(data("placement/availability-zone")),
        need(data("placement/region")),
        need(data("local-ipv4")),
        need(data("instance-id")),
        need(data("instance-type")),
        need(data("mac")),
      ]);
      const [primaryEniId, primarySubnetId, vpcId] = await Promise.all([
        need(ofMac(primaryMac, "interface-id")),
        need(ofMac(primaryMac, "subnet-id")),
        need(ofMac(primaryMac, "vpc-id")),
      ]);
      return {
        instanceId,
        instanceType,
        region,
        availabilityZone,
        localIpv4,
        primaryMac,
        primaryEniId,
        primarySubnetId,
        vpcId,
      };
    },

    async enis() {
      const found = await Promise.all((await macs()).map(eniOf));
      return found.filter((eni): eni is ImdsEni => eni !== undefined).sort((a, b) => a.deviceNumber - b.deviceNumber);
    },

    async securityGroupIds() {
      return lines(await need(ofMac(await need(data("mac")), "security-group-ids")));
    },

    async vpcCidrs(): Promise<Cidr[]> {
      const mac = await need(data("mac"));
      return lines(await need(ofMac(mac, "vpc-ipv4-cidr-blocks"))).map((text) => parseBlock(mac, text));
    },
  };
}

/** What kept a request from its answer. The runtime's words for a refused connection name neither side. */
function connectionText(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "the connection was refused";
  return error instanceof Error ? error.message : String(error);
}

function lines(body: string): string[] {
  return body
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function parseAddress(mac: string, text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new ImdsError(`instance metadata shows an address that is none on ${mac}: ${text}`);
  return parsed;
}

function parseBlock(mac: string, text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new ImdsError(`instance metadata shows a CIDR that is none on ${mac}: ${text}`);
  return parsed;
}
