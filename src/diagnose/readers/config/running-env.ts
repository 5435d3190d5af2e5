// The environment that the agent runs with, as a support bundle holds it, and the agent's own pages about its settings.

import { placeJson } from "../../../text/placed-document.ts";
import { TextFrame } from "../../../text/text-frame.ts";
import type { EnvEntry, FactsPart, NodeKey, SettingsSource, VersionFact } from "../../facts/model.ts";
import { imageVersion } from "../kubernetes/images.ts";
import { unreadOf } from "../objects.ts";
import { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { AGENT_VARIABLE } from "./chart-values.ts";
import { partOfFile } from "./documents.ts";

const AGENT_PAIR = new RegExp(`"${AGENT_VARIABLE.source}=`);

/** containerd's description of the container; of docker's form too, for `env` is found wherever it lies. */
export const containerInfoReader: FileReader = {
  kind: "running environment of aws-node",
  recognises: ({ head }) => /^\s*[[{]/.test(head) && AGENT_PAIR.test(head),
  read(file) {
    const { documents, errors } = placeJson(file.text, file.path);
    const lists = documents.flatMap((document) => envLists(new Placed(document), 0));
    const last = lists.at(-1);
    if (last === undefined) return { unread: unreadOf(errors) };
    const env = last.items().flatMap((item): EnvEntry[] => {
      const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(item.text ?? "") ?? [];
      return name === undefined ? [] : [{ name, value: value ?? "", isString: true, at: item.at }];
    });
    const image = /"Image"\s*:\s*"([^"]+)"/.exec(file.text)?.[1] ?? "";
    return {
      ...running(env, file.node, { file: file.path, line: last.at.line }, image),
      read: [{ file: file.path, kind: "running environment of aws-node" }],
      unread: unreadOf(errors),
    };
  },
};

/** `printenv` of the container. */
export const printenvReader: FileReader = {
  kind: "running environment of aws-node",
  recognises: ({ head }) =>
    (head.match(/^[A-Za-z_]\w*=/gm) ?? []).length >= 5 &&
    /^(?:AWS_VPC_K8S_CNI_LOG_FILE|AWS_VPC_K8S_CNI_LOGLEVEL|AWS_VPC_K8S_CNI_VETHPREFIX)=/m.test(head) &&
    /^(?:HOSTNAME|PATH|KUBERNETES_SERVICE_HOST)=/m.test(head),
  read(file) {
    const frame = TextFrame.ofFile(file.text, file.path);
    const env = [...file.text.matchAll(/^([A-Za-z_]\w*)=(.*)$/gm)].map((match): EnvEntry => {
      const offset = match.index + (match[1] ?? "").length + 1;
      const { line, column } = frame.place({ start: offset, end: offset });
      const value = (match[2] ?? "").replace(/\r$/, "");
      return { name: match[1] ?? "", value, isString: true, at: { file: file.path, line, column } };
    });
    return {
      ...running(env, file.node, { file: file.path, line: 1 }, ""),
      read: [{ file: file.path, kind: "running environment of aws-node" }],
    };
  },
};

function running(env: EnvEntry[], node: NodeKey | undefined, at: SettingsSource["at"], image: string): FactsPart {
  const told = env.find((one) => one.name === "VPC_CNI_VERSION");
  const named = imageVersion(image);
  const versions: VersionFact[] = [];
  if (named?.component === "cni") versions.push({ ...named, node, at });
  else if (told !== undefined) versions.push({ component: "cni", version: told.value, node, at: told.at });
  const name = "environment of the running aws-node container";
  const source = { origin: "running", layer: "running", node, name, at, isComplete: true, env } as const;
  return { settings: [{ ...source, initEnv: [], otherKeys: [] }], versions };
}

/** Lists of NAME=value texts that hold a variable of the agent. */
function envLists(value: Placed, depth: number): Placed[] {
  if (depth > 12) return [];
  if (Array.isArray(value.value)) {
    const isEnv = value.value.some((one) => typeof one === "string" && AGENT_VARIABLE.test(one.split("=")[0] ?? ""));
    return isEnv ? [value] : value.items().flatMap((item) => envLists(item, depth + 1));
  }
  return value.entries().flatMap(([, child]) => envLists(child, depth + 1));
}

/** `/v1/ipamd-env-settings` and `/v1/networkutils-env-settings`: values after parsing, some of the variables. */
export const settingsPageReader: FileReader = {
  kind: "settings page of the agent",
  recognises: ({ head }) =>
    /^\s*\{/.test(head) &&
    (/"WARM_ENI_TARGET"\s*:\s*-?\d/.test(head) || /"AWS_VPC_CNI_NODE_PORT_SUPPORT"\s*:\s*(?:true|false)/.test(head)) &&
    !/"env"\s*:/.test(head) &&
    (/"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"\s*:\s*(?:true|false)/.test(head) || /"AWS_VPC_ENI_MTU"\s*:\s*\d/.test(head)),
  read: (file) =>
    partOfFile(file, "settings page of the agent", (page) => ({
      settings: [
        {
          origin: "introspection",
          layer: "running",
          node: file.node,
          name: "settings page of the agent",
          at: page.at,
          isComplete: false,
          env: page.entries().flatMap(([name, value]): EnvEntry[] => {
            const text = value.text;
            return text === undefined || !/^[A-Z]/.test(name)
              ? []
              : [{ name, value: text, isString: true, at: value.at }];
          }),
          initEnv: [],
          otherKeys: [],
        },
      ],
    })),
};
