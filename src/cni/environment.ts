// What the runtime says in the environment: the attachment, and the pod in CNI_ARGS. Everything in it may be hostile; what passes
// goes into names of links, into the agent's books and into logs.

import { CODES } from "./codes.ts";
import { isAbsolutePath, isCniName, isLinkName, isNewLinkName, PATH_LENGTH_MAX } from "./names.ts";
import { CniProblem } from "./problem.ts";
import type { Command } from "./versions.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface AttachmentEnvironment {
  readonly containerId: string;
  readonly ifName: string;
  /** Absolute; empty when not given, which DEL alone allows. */
  readonly netns: string;
}

export interface PodArguments {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
}

/** Kubernetes: a DNS subdomain. */
const POD_NAME_LENGTH_MAX = 253;
const NAME_RULE = `It has at most ${POD_NAME_LENGTH_MAX} letters, digits, "-", "." and "_", and starts with a letter or a digit.`;
const ARGS_LENGTH_MAX = 64 * 1024;

/** Throws `CniProblem` with code 4 that names the variable. */
export function readAttachment(env: Environment, command: Command): AttachmentEnvironment {
  const required =
    command === "DEL" ? ["CNI_CONTAINERID", "CNI_IFNAME"] : ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"];
  const missing = required.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) {
    throw invalid(
      `required env variables [${missing.join(",")}] missing`,
      `The runtime has to set them for ${command}.`,
    );
  }
  const containerId = env["CNI_CONTAINERID"] ?? "";
  const ifName = env["CNI_IFNAME"] ?? "";
  const netns = env["CNI_NETNS"] ?? "";
  if (!isCniName(containerId)) {
    throw invalid(
      "invalid characters in CNI_CONTAINERID",
      `${show(containerId)} is not letters, digits, "_", "." and "-".`,
    );
  }
  if (!isLinkName(ifName)) {
    throw invalid(
      "invalid CNI_IFNAME",
      `${show(ifName)} is no name of a link: 1 to 15 bytes, no "/", ":" or white space.`,
    );
  }
  if (command !== "DEL" && !isNewLinkName(ifName)) {
    throw invalid(
      "invalid CNI_IFNAME",
      `${show(ifName)} is not printable ASCII, or has a "%", which the kernel fills in.`,
    );
  }
  if (command === "DEL") return { containerId, ifName, netns: isAbsolutePath(netns) ? netns : "" };
  if (netns.length > PATH_LENGTH_MAX) {
    throw invalid(
      "invalid CNI_NETNS",
      `A path has at most ${PATH_LENGTH_MAX} characters; this one has ${netns.length}.`,
    );
  }
  if (!isAbsolutePath(netns)) {
    throw invalid("invalid CNI_NETNS", `${show(netns)} is not the absolute path of a network namespace.`);
  }
  return { containerId, ifName, netns };
}

/** `K=V;K=V`. Throws `CniProblem` with code 4; its text opens with `opening`. */
export function readPodArguments(env: Environment, opening: string): PodArguments {
  const text = env["CNI_ARGS"] ?? "";
  const bad = (what: string, next = "CNI_ARGS is a list KEY=VALUE;KEY=VALUE.") => invalid(`${opening}: ${what}`, next);
  if (text.length > ARGS_LENGTH_MAX) throw bad(`CNI_ARGS has more than ${ARGS_LENGTH_MAX} characters`);
  const given = new Map<string, string>();
  for (const pair of text === "" ? [] : text.split(";")) {
    const parts = pair.split("=");
    const [key, value] = parts;
    if (parts.length !== 2 || key === undefined || value === undefined) {
      throw bad(`ARGS: invalid pair ${show(pair)}`);
    }
    given.set(key, value);
  }
  const ignoresUnknown = ["1", "true"].includes(given.get("IgnoreUnknown")?.toLowerCase() ?? "");
  const unknown = [...given.keys()].filter((key) => !POD_KEYS.includes(key));
  if (unknown.length > 0 && !ignoresUnknown) {
    throw bad(
      `ARGS: unknown args [${unknown.map(show).join(" ")}]`,
      "Leave them out, or add IgnoreUnknown=1 to CNI_ARGS.",
    );
  }
  const name = (key: string): string => {
    const value = given.get(key) ?? "";
    if (value !== "" && !isCniName(value, POD_NAME_LENGTH_MAX)) {
      throw bad(`${key} ${show(value)} is no name that Kubernetes gives`, NAME_RULE);
    }
    return value;
  };
  return { namespace: name("K8S_POD_NAMESPACE"), podName: name("K8S_POD_NAME"), podUid: name("K8S_POD_UID") };
}

const POD_KEYS: readonly string[] = [
  "IgnoreUnknown",
  "K8S_POD_NAME",
  "K8S_POD_NAMESPACE",
  "K8S_POD_INFRA_CONTAINER_ID",
  "K8S_POD_UID",
];

function invalid(message: string, details: string): CniProblem {
  return new CniProblem(CODES.invalidEnvironment, message, details);
}

/** A value of unknown kind for a message: quoted, escaped, cut. */
export function show(text: string): string {
  return JSON.stringify(cut(text, 80));
}

export function cut(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 3)}...` : text;
}
