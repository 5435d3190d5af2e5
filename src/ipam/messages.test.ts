// The texts are what other tools grep for: a sample is pinned letter by letter, the placeholders are checked one by one.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  argumentCount,
  formatGoDuration,
  formatGoTime,
  formatMessage,
  MESSAGES,
  type MessageArgument,
  type MessageArguments,
  type MessageId,
} from "./messages.ts";

const resolve = (attachment: number) => ({
  networkName: "aws-cni",
  containerId: `c${attachment}`,
  ifName: "eth0",
  namespace: "default",
  podName: "web-0",
});
const ip = (text: string) => parseIpv4(text) ?? -1;

function line<Id extends MessageId>(id: Id, ...args: MessageArguments<Id>): string {
  return formatMessage(id, args as unknown as readonly MessageArgument[], resolve);
}

describe("formatMessage", () => {
  test("[ipamd 9.6] prints the reference's texts, odd spacing included", () => {
    expect(line("starting", "v1.23.1")).toBe("Starting L-IPAMD v1.23.1  ...");
    expect(line("ipStats", 0, 16, 1, 2)).toBe(
      "IP stats for Network Card 0 - total IPs: 16, assigned IPs: 1, cooldown IPs: 2",
    );
    expect(line("recentlyExhausted", 120_000)).toBe(
      "Recently we had InsufficientCidr error hence will wait for 2m0s before retrying",
    );
    expect(line("coolingStarted", ip("10.0.0.1"), 30_000, 1_767_225_600_000)).toBe(
      "IP 10.0.0.1 entering cooldown period of 30s (available after 2026-01-01 00:00:00 +0000 UTC)",
    );
    expect(line("eniKeptCooling", "eni-1")).toBe("ENI eni-1 cannot be deleted because has IPs in cooling");
    expect(line("hasRoomForEni", 0, 1, 1, 3, 0, 0, 0, true)).toContain("excludedENI=0, hasRoom=true");
  });

  test("resolves attachments, addresses, blocks and lists", () => {
    expect(line("assigned", ip("10.0.1.16"), 7, 7)).toBe(
      "assignPodIPAddressUnsafe: Assign IP 10.0.1.16 to sandbox aws-cni/c7/eth0 with metadata {K8SPodNamespace:default K8SPodName:web-0 InterfacesCount:1}",
    );
    expect(line("addedPrefix", "eni-1", ip("10.0.1.16"))).toBe(
      "Added ENI(eni-1)'s IP/Prefix 10.0.1.16/28 to datastore",
    );
    expect(line("deletedAddress", "eni-1", ip("10.0.1.5"))).toContain("10.0.1.5/32");
    expect(line("unassigningPrefixes", [ip("10.0.0.16"), ip("10.0.0.32")], "eni-1")).toBe(
      "Trying to unassign the following Prefixes [10.0.0.16/28 10.0.0.32/28] from ENI eni-1",
    );
    expect(line("unassigningAddresses", [], "eni-1")).toContain("IPs [] from");
    expect(line("creatingEni", ["sg-1", "sg-2"], "subnet-1")).toBe(
      "Creating ENI with security groups: [sg-1 sg-2] in subnet: subnet-1",
    );
  });

  test("never throws on too few arguments", () => {
    expect(formatMessage("createdEni", [], resolve)).toBe("Created a new ENI: %!(MISSING)");
  });

  test("every placeholder is known, and the count is that of the text", () => {
    const known = /^(n|s|b|d|time|ip|prefix|cidr32|sandbox|metadata|ips|prefixes|cidr32s|list)$/;
    for (const id of Object.keys(MESSAGES) as MessageId[]) {
      const found = [...MESSAGES[id].text.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] ?? "");
      for (const name of found) expect(`${id} ${name}`).toMatch(new RegExp(`^${id} ${known.source.slice(1, -1)}$`));
      expect(argumentCount(id)).toBe(found.length);
    }
  });
});

test("a caller is a file of the engine, or the agent", () => {
  for (const { caller } of Object.values(MESSAGES)) {
    const candidates = ["", "policies/"].map((folder) => join(import.meta.dir, folder, caller.replace(/^ipam\//, "")));
    expect(
      caller.startsWith("agent/") || candidates.some((path) => existsSync(path)) ? caller : `${caller} is gone`,
    ).toBe(caller);
  }
});

describe("Go's way of printing", () => {
  test("durations", () => {
    const cases: [number, string][] = [
      [0, "0s"],
      [0.0015, "1.5µs"],
      [250, "250ms"],
      [1_500, "1.5s"],
      [30_000, "30s"],
      [62_503.000001, "1m2.503000001s"],
      [120_000, "2m0s"],
      [3_600_500, "1h0m0.5s"],
      [-1_000, "-1s"],
    ];
    for (const [ms, text] of cases) expect(formatGoDuration(ms)).toBe(text);
  });

  test("UTC times, against the platform's calendar", () => {
    for (let ms = -5e12; ms < 5e12; ms += 86_400_000 * 37.31) {
      const want = new Date(Math.floor(ms)).toISOString().slice(0, 19).replace("T", " ");
      expect(formatGoTime(ms).slice(0, 19)).toBe(want);
    }
    expect(formatGoTime(1_767_225_600_120)).toBe("2026-01-01 00:00:00.12 +0000 UTC");
  });
});
