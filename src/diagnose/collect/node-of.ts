// Whose files they are: the node that a path belongs to, and what of a support bundle is worth looking at (failures.md 2.5).

import type { NodeKey } from "../facts/model.ts";

const BUNDLE_NAME = /(?:^|[/!])eks_(i-[0-9a-f]{8,17})_[^/!]*/;
/** Names that say nothing but that there are logs. */
const GENERIC = /^(?:\.|\.\.|aws-routed-eni|var_log|var|log|logs|ipamd|tmp|bundle|nodes|node)?$/;
const AGENT_LOG = /^ipamd[^/]*\.log[^/]*$/;
/** Folders of the collector's layout that hold something of use. */
const USEFUL = /^(?:system|var_log|ipamd|cni|kubelet|nodeadm)\/|^var\/log\/aws-routed-eni\//;
const USELESS =
  /^(?:networking|storage|sysctls|modinfo|gpu|kernel|docker|containerd|sandbox-image)\/|^system\/(?!instance-id|region|availability-zone)/;
/** Logs of a bundle that tell about addresses; the others are the machine's own. */
const USEFUL_LOG = /aws-routed-eni\/|(?:^|\/)messages(?:[-.]|$)|(?:kube-system_)?aws-node|kubelet\/kubelet\.log/;

/** The node by its bundle's name, a folder `nodes/NAME`, or a folder or file named as nodes are. */
export function nodeOfPath(path: string): NodeKey | undefined {
  const bundle = BUNDLE_NAME.exec(path);
  if (bundle !== null) return bundle[1];
  const segments = path.split(/[/!]/);
  const place = segments.lastIndexOf("nodes");
  if (place !== -1 && place < segments.length - 2) return segments[place + 1];
  for (const segment of segments.toReversed()) {
    const name = /(?:^|[^a-z0-9])(i-[0-9a-f]{17}|i-[0-9a-f]{8})(?![0-9a-f])/.exec(segment)?.[1];
    const host = /(?:^|[^a-z0-9])(ip-\d+-\d+-\d+-\d+(?:\.[a-z0-9-]+(?:\.compute)?\.internal)?)/.exec(segment)?.[1];
    if (host !== undefined || name !== undefined) return host ?? name;
  }
  return undefined;
}

/** What an archive is called when its own name gives no node. */
export function archiveNode(path: string): NodeKey {
  const name = path.split(/[/!]/).at(-1) ?? path;
  return name.replace(/\.(?:tgz|tar\.gz|tar|gz)$/, "");
}

export function isBundleName(path: string): boolean {
  return /(?:^|[/!])(?:eks_i-[0-9a-f]{8,17}_|aws-cni-support)[^/!]*$/.test(path);
}

/** `inside`: the path from the bundle's root. */
export function bundlePlace(inside: string): "useful" | "useless" | "other" {
  const path = inside.replace(/^eks_i-[0-9a-f]+_[^/]*\//, "");
  if (USELESS.test(path)) return "useless";
  return USEFUL.test(path) ? "useful" : "other";
}

export function isUsefulLog(inside: string): boolean {
  return USEFUL_LOG.test(inside);
}

/** What only a bundle holds: seen once, the archive or folder is one. */
export function isBundleMark(inside: string): boolean {
  return /(?:^|\/)system\/instance-id\.txt$|(?:^|\/)var_log\/aws-routed-eni\/|^(?:\.\/)?var\/log\/aws-routed-eni\//.test(
    inside,
  );
}

/** Folders, relative to where the walk began, that hold an agent's log and say by their name whose. */
export function nodeFolders(paths: readonly string[]): ReadonlyMap<string, NodeKey> {
  const found = new Map<string, NodeKey>();
  for (const path of paths) {
    const segments = path.split("/");
    const file = segments.pop() ?? "";
    const folder = segments.join("/");
    if (!AGENT_LOG.test(file)) continue;
    while (segments.length > 0 && GENERIC.test(segments.at(-1) ?? "")) segments.pop();
    const name = segments.at(-1);
    if (name !== undefined) found.set(folder, name);
  }
  return found;
}

/** The folder, and so the node, that a member of an archive shares with what marks an unpacked bundle. */
export function bundleFolder(inside: string): string | undefined {
  const at = inside.search(
    /\/(?:system\/(?:instance-id|region|availability-zone)\.txt$|var_log\/|ipamd\/[\w-]+\.(?:json|txt)$|var\/log\/aws-routed-eni\/)/,
  );
  return at <= 0 ? undefined : inside.slice(0, at);
}

/** The log that a rotated copy belongs to: `ipamd-2024-01-02T03-04-05.678.log.gz`, `ipamd.log.2020-01-02-03`, `ipamd.log.1`. */
export function logStem(path: string): string {
  return path
    .replace(/\.gz$/, "")
    .replace(/-\d{4}-\d\d-\d\dT[\d.-]+(?=\.log$)/, "")
    .replace(/\.log\.(?:\d{4}-\d\d-\d\d-\d\d|\d+)$/, ".log")
    .replace(/-\d{8}$/, "");
}
