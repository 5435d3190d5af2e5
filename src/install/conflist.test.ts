import { expect, test } from "bun:test";
import { CHART_DEFAULTS } from "../ipam/settings.ts";
import { chainedTypes, commonVersions, conflistSettings, conflistText, isOurConflist } from "./conflist.ts";

function settingsOf(env: Readonly<Record<string, string>>) {
  const parsed = conflistSettings(env);
  if ("refusals" in parsed) throw new Error(parsed.refusals.map((one) => one.message).join(" "));
  return parsed.settings;
}

test("the chart's defaults give the reference's list, without the egress plugin and with CHECK", () => {
  const text = conflistText(settingsOf(CHART_DEFAULTS), ["0.4.0", "1.0.0"], "9.9.9");
  expect(JSON.parse(text)).toEqual({
    cniVersion: "1.0.0",
    cniVersions: ["0.4.0", "1.0.0"],
    name: "aws-cni",
    installedBy: "slash28 9.9.9",
    plugins: [
      {
        name: "aws-cni",
        type: "aws-cni",
        vethPrefix: "eni",
        mtu: "9001",
        podSGEnforcingMode: "strict",
        pluginLogFile: "/var/log/aws-routed-eni/plugin.log",
        pluginLogLevel: "DEBUG",
        capabilities: { "io.kubernetes.cri.pod-annotations": true },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  });
  expect(isOurConflist(text)).toBe(true);
  expect(isOurConflist('{"name":"aws-cni"}')).toBe(false);
  expect(isOurConflist("{")).toBe(false);
});

test("POD_MTU goes before AWS_VPC_ENI_MTU, and the optional plugins come last", () => {
  const settings = settingsOf({
    AWS_VPC_ENI_MTU: "9001",
    POD_MTU: "1500",
    ENABLE_BANDWIDTH_PLUGIN: "true",
    DISABLE_POD_V6: "true",
    SLASH28_SOCKET: "/run/other.sock",
  });
  expect(chainedTypes(settings)).toEqual(["portmap", "bandwidth", "tuning"]);
  const list = JSON.parse(conflistText(settings, ["0.4.0"], "1"));
  expect(list.cniVersion).toBe("0.4.0");
  expect(list.cniVersions).toBeUndefined();
  expect(list.plugins[0]).toMatchObject({ mtu: "1500", socketPath: "/run/other.sock" });
  expect(list.plugins.map((plugin: { type: string }) => plugin.type)).toEqual(["aws-cni", ...chainedTypes(settings)]);
  expect(list.plugins[3].sysctl["net.ipv6.conf.lo.disable_ipv6"]).toBe("1");
});

test("what the reference refuses is refused, each with its variable and what to do", () => {
  const bad: Readonly<Record<string, string>> = {
    AWS_VPC_K8S_CNI_VETHPREFIX: "longer",
    AWS_VPC_ENI_MTU: "9002",
    POD_SECURITY_GROUP_ENFORCING_MODE: "Strict",
    AWS_VPC_K8S_PLUGIN_LOG_FILE: "STDOUT",
    ENABLE_V6_EGRESS: "true",
    SLASH28_SOCKET: "slash28.sock",
  };
  for (const [variable, value] of Object.entries(bad)) {
    const parsed = conflistSettings({ [variable]: value });
    const refusals = "refusals" in parsed ? parsed.refusals : [];
    expect(refusals.map((one) => one.variable)).toEqual([variable]);
    expect(refusals[0]!.next).not.toBe("");
  }
  for (const prefix of ["eth", "lo", "vlan"])
    expect("refusals" in conflistSettings({ AWS_VPC_K8S_CNI_VETHPREFIX: prefix })).toBe(true);
  expect("refusals" in conflistSettings({ POD_MTU: "575" })).toBe(true);
});

test("the versions of the list are those that every plugin of the chain speaks", () => {
  expect(
    commonVersions([
      ["0.3.1", "0.4.0", "1.0.0"],
      ["0.4.0", "1.0.0", "1.1.0"],
    ]),
  ).toEqual(["0.4.0", "1.0.0"]);
  expect(commonVersions([["0.1.0"]])).toEqual([]);
});
