// The two CNIBackend calls of the agent's gRPC socket as bytes: field numbers of the reference's rpc.proto (ipamd.md 9.1).
// Written by hand for the fields that kubelet's side uses, and so a second witness of the agent's own encoding.

/** What the plugin sends for ADD and DEL. */
export interface CniRequest {
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly sandboxId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly networkName: string;
  readonly clientVersion: string;
}

export interface CniReply {
  readonly isSuccess: boolean;
  /** Dotted; empty when the reply carries none. */
  readonly address: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** AddNetworkRequest. */
export function encodeAdd(request: CniRequest): Buffer {
  return encodeTexts([
    [1, request.podName],
    [2, request.podNamespace],
    [3, request.sandboxId],
    [4, request.netns],
    [5, request.ifName],
    [6, request.networkName],
    [7, request.sandboxId],
    [8, request.clientVersion],
  ]);
}

/** DelNetworkRequest. */
export function encodeDel(request: CniRequest): Buffer {
  return encodeTexts([
    [1, request.podName],
    [2, request.podNamespace],
    [3, request.sandboxId],
    [5, "PodDeleted"],
    [6, request.ifName],
    [7, request.networkName],
    [8, request.sandboxId],
    [9, request.clientVersion],
    [10, request.podUid],
  ]);
}

/** AddNetworkReply and DelNetworkReply: both have Success in field 1 and the addresses in field 2. */
export function decodeReply(bytes: Uint8Array): CniReply {
  let isSuccess = false;
  let address = "";
  for (const field of fields(bytes)) {
    if (field.number === 1 && field.value !== undefined) isSuccess = field.value !== 0;
    if (field.number !== 2 || field.bytes === undefined || address !== "") continue;
    for (const inner of fields(field.bytes)) {
      if (inner.number === 1 && inner.bytes !== undefined) address = decoder.decode(inner.bytes);
    }
  }
  return { isSuccess, address };
}

/** HealthCheckRequest for the whole server, and its answer: 1 is SERVING. */
export const HEALTH_REQUEST = Buffer.alloc(0);

export function decodeHealth(bytes: Uint8Array): boolean {
  for (const field of fields(bytes)) if (field.number === 1) return field.value === 1;
  return false;
}

function encodeTexts(texts: readonly (readonly [number, string])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, text] of texts) {
    if (text === "") continue;
    const bytes = encoder.encode(text);
    parts.push(Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes);
  }
  return Buffer.concat(parts);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

interface Field {
  readonly number: number;
  readonly value: number | undefined;
  readonly bytes: Uint8Array | undefined;
}

/** The fields of a message; what is malformed ends it. */
function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const readVarint = (): number => {
    let value = 0;
    let factor = 1;
    while (at < bytes.length) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
    }
    return value;
  };
  while (at < bytes.length) {
    const key = readVarint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield { number, value: readVarint(), bytes: undefined };
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = readVarint();
        yield { number, value: undefined, bytes: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return;
    }
  }
}
