// Pod names as the real controllers make them.

import type { Prng } from "../base/prng.ts";

/** The alphabet of k8s.io/apimachinery's rand.String: no vowels, no look-alikes. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
/** A generated name's base is cut so that base and suffix fit into 63 characters. */
const BASE_LENGTH_MAX = 58;

export function randomSuffix(prng: Prng, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += ALPHABET[prng.below(ALPHABET.length)];
  return text;
}

/** `web-7d4b9c6f5d-x2lqz` for a Deployment; the middle part is the same for all its pods. */
export function generatedName(base: string, prng: Prng): string {
  return `${base.slice(0, BASE_LENGTH_MAX - 1)}-${randomSuffix(prng, 5)}`;
}

/** A container or sandbox id: 64 hexadecimal digits. */
export function sandboxId(prng: Prng): string {
  let text = "";
  for (let i = 0; i < 8; i++) text += prng.uint32().toString(16).padStart(8, "0");
  return text;
}

/** A uid as the API server gives it: a version 4 UUID. */
export function podUid(prng: Prng): string {
  const hex = sandboxId(prng);
  const variant = "89ab"[prng.below(4)];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
