// Logs of an agent for tests: what each version writes around one ADD or DEL, and the history that comes of it.

import { asciiBytes } from "../../diagnose/readers/logs/bytes.ts";
import { ERAS } from "../../diagnose/readers/logs/testing/read-log.ts";
import { LogHistory, type NodeHistory } from "../log-history.ts";

export type Era = keyof typeof ERAS;

export interface LoggedPod {
  readonly id: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Sandbox ids have 64 characters. */
export function sandboxId(name: string): string {
  return name.padEnd(64, "0");
}

/** What an agent of the era writes when it gives an address; seconds from the log's beginning. */
export function addLines(era: Era, pod: LoggedPod, second: number, isGranted = true): string[] {
  const { id, name, namespace = "shop" } = pod;
  const lines =
    era === "json"
      ? [
          ERAS.json(`Received AddNetwork for NS /var/run/netns/cni-1, Sandbox ${id}, ifname eth0`, second, "info"),
          ERAS.json(
            `AddNetworkRequest: K8S_POD_NAME:"${name}"  K8S_POD_NAMESPACE:"${namespace}"  K8S_POD_INFRA_CONTAINER_ID:"${id}"  ContainerID:"${id}"  IfName:"eth0"  NetworkName:"aws-cni"`,
            second,
          ),
          ...(isGranted
            ? [
                ERAS.json(
                  `assignPodIPAddressUnsafe: Assign IP 10.0.0.17 to sandbox aws-cni/${id}/eth0 with metadata {K8SPodNamespace:${namespace} K8SPodName:${name} InterfacesCount:1}`,
                  second + 1,
                  "info",
                ),
              ]
            : [ERAS.json("DataStore has no available IP/Prefix addresses", second + 1, "error")]),
        ]
      : [
          ERAS[era](
            `Received AddNetwork for NS /proc/1/ns/net, Pod ${name}, NameSpace ${namespace}, Container ${id}, ifname eth0`,
            second,
            "info",
          ),
          ...(isGranted
            ? [
                ERAS[era](
                  `AssignPodIPv4Address: Assign IP 10.0.0.17 to pod (name ${name}, namespace ${namespace} container ${id})`,
                  second + 1,
                  "info",
                ),
              ]
            : [ERAS[era]("DataStore has no available IP addresses", second + 1)]),
        ];
  return lines;
}

export function delLines(era: Era, pod: LoggedPod, second: number, isReleased = true): string[] {
  const { id, name, namespace = "shop" } = pod;
  if (era === "json")
    return [
      ERAS.json(`Received DelNetwork for Sandbox ${id}`, second, "info"),
      ERAS.json(
        `DelNetworkRequest: K8S_POD_NAME:"${name}"  K8S_POD_NAMESPACE:"${namespace}"  Reason:"PodDeleted"  ContainerID:"${id}"`,
        second,
      ),
      isReleased
        ? ERAS.json(
            `UnassignPodIPAddress: sandbox aws-cni/${id}/eth0's ipAddr 10.0.0.17, DeviceNumber 0`,
            second,
            "info",
          )
        : ERAS.json(`UnassignPodIPAddress: Failed to find sandbox _migrated-from-cri/${id}/unknown`, second, "warn"),
    ];
  return [
    ERAS[era](`Received DelNetwork for IP <nil>, Pod ${name}, Namespace ${namespace}, Container ${id}`, second, "info"),
    isReleased
      ? ERAS[era](
          `UnassignPodIPv4Address: pod (Name: ${name}, NameSpace ${namespace} Container ${id})'s ipAddr 10.0.0.17, DeviceNumber0`,
          second,
        )
      : ERAS[era](`UnassignPodIPv4Address: Failed to find pod ${name} namespace ${namespace}`, second),
  ];
}

/** The agent's line every few seconds. */
export function idle(era: Era, second: number): string {
  return ERAS[era]("IP stats for Network Card 0 - total IPs: 16, assigned IPs: 3, cooldown IPs: 0", second);
}

/** Files of one set, oldest first; `chunk` cuts them anywhere. */
export function historyOf(files: readonly (readonly string[])[], chunk?: number): NodeHistory {
  const found: NodeHistory[] = [];
  const reader = new LogHistory({ node: "node-1", onEnd: (history) => found.push(history) });
  for (const [index, lines] of files.entries()) {
    reader.begin(`ipamd-${index}.log`);
    const bytes = asciiBytes(`${lines.join("\n")}\n`);
    for (let at = 0; at < bytes.length; at += chunk ?? bytes.length)
      reader.push(bytes.slice(at, at + (chunk ?? bytes.length)));
  }
  reader.end();
  const [history] = found;
  if (history === undefined) throw new Error("the reader told nothing");
  return history;
}
