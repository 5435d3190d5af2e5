// Files of user data, of Bottlerocket's settings, of bare bootstrap.sh arguments, and the logs of a node that quote them.

import { placeJsonIn } from "../../../text/placed-json.ts";
import { TextFrame } from "../../../text/text-frame.ts";
import type { FactsPart, NodeBootstrap } from "../../facts/model.ts";
import { unreadOf } from "../objects.ts";
import { Placed } from "../placed.ts";
import type { FileReader, TextFile } from "../reader.ts";
import { readBootstrapArguments } from "./bootstrap-arguments.ts";
import { isBottlerocket } from "./bottlerocket.ts";
import { NO_BOOTSTRAP, nodeConfigFields } from "./node-config.ts";
import { isMime, readUserData, type UserDataFound } from "./user-data.ts";

export const userDataReader: FileReader = {
  kind: "user data",
  recognises({ head, isWhole }) {
    if (isMime(head)) return true;
    if (/^\s*#!/.test(head)) return /\/bootstrap\.sh[ \t]|--max-pods[= ]|nodeadm/.test(head);
    const isBase64 = isWhole && /^[\sA-Za-z0-9+/]{40,}={0,2}\s*$/.test(head);
    return isBase64 && readUserData(TextFrame.ofFile(head, "")).origin !== undefined;
  },
  read: (file) => partOf(file, "user data", readUserData(TextFrame.ofFile(file.text, file.path))),
};

export const bottlerocketReader: FileReader = {
  kind: "Bottlerocket settings",
  recognises: ({ head }) => isBottlerocket(head) && !/^[\w-]+[ \t]+"[^"]*"[^\n]*\{/m.test(head),
  read: (file) => partOf(file, "Bottlerocket settings", readUserData(TextFrame.ofFile(file.text, file.path))),
};

/** The arguments as somebody noted them, with or without the script's name. */
export const bootstrapArgumentsReader: FileReader = {
  kind: "bootstrap.sh arguments",
  recognises: ({ head, isWhole }) =>
    isWhole &&
    head.trim().split("\n").length <= 3 &&
    /^\s*(?:\S*bootstrap\.sh\b|--(?:use-max-pods|kubelet-extra-args|max-pods)\b)/.test(head) &&
    /--(?:use-max-pods|kubelet-extra-args|max-pods)\b/.test(head),
  read(file) {
    const at = { file: file.path, line: 1, column: 1 };
    const fields = readBootstrapArguments(file.text, at);
    return partOf(file, "bootstrap.sh arguments", { origin: "bootstrap.sh", fields, at, errors: [] });
  },
};

/** The boot log of AL2, which echoes the call of bootstrap.sh. */
export const bootLogReader: FileReader = {
  kind: "boot log",
  recognises: ({ head }) => /^\+{1,3} \S*\/bootstrap\.sh /m.test(head),
  read(file) {
    const calls = [...file.text.matchAll(/^\+{1,3} (\S*\/bootstrap\.sh) (.*)$/gm)];
    const call = calls.at(-1);
    if (call === undefined) return {};
    const offset = call.index + call[0].length - (call[2] ?? "").length;
    const { line, column } = TextFrame.ofFile(file.text, file.path).place({ start: offset, end: offset });
    const at = { file: file.path, line, column };
    const fields = readBootstrapArguments(call[2] ?? "", at);
    return partOf(file, "boot log", { origin: "bootstrap.sh", fields, at, errors: [] });
  },
};

const LOADED = /^.*?(\{.*"msg"\s*:\s*"Loaded configuration".*\})\s*$/gm;

/** nodeadm's log, which prints the configuration it merged. */
export const nodeadmLogReader: FileReader = {
  kind: "nodeadm log",
  recognises: ({ head }) => /"msg"\s*:\s*"Loaded configuration"/.test(head),
  read(file) {
    const frame = TextFrame.ofFile(file.text, file.path);
    const last = [...file.text.matchAll(LOADED)].at(-1);
    if (last?.[1] === undefined) return {};
    const end = last.index + last[0].trimEnd().length;
    const { documents, errors } = placeJsonIn(frame.slice({ start: end - last[1].length, end }));
    const config = documents.map((document) => new Placed(document).get("config"))[0];
    if (config === undefined) return { unread: unreadOf(errors) };
    const fields = nodeConfigFields(config);
    return partOf(file, "nodeadm log", { origin: "nodeadm", fields, at: config.at, errors });
  },
};

function partOf(file: TextFile, kind: string, found: UserDataFound): FactsPart {
  const at = found.at ?? { file: file.path, line: 1, column: 1 };
  const bootstrap: NodeBootstrap | undefined =
    found.origin === undefined
      ? undefined
      : { ...NO_BOOTSTRAP, ...found.fields, origin: found.origin, name: "", at, node: file.node };
  return {
    bootstraps: bootstrap === undefined ? [] : [bootstrap],
    read: [{ file: file.path, kind }],
    unread: unreadOf(found.errors),
  };
}
