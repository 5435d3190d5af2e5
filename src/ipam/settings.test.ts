import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { CHART_DEFAULTS, type Environment, envText, parseIntLiteral, parseSettings } from "./settings.ts";

const parse = (env: Environment) => parseSettings({ ENABLE_IPv4: "true", ...env });
const refused = (env: Environment) => parse(env).refusals.map((refusal) => refusal.variable);

describe("parsers", () => {
  test("[ipamd 1.1 B1] takes Go's literals alone; a bad value warns on stderr", () => {
    for (const text of ["1", "t", "T", "TRUE", "true", "True"])
      expect(parse({ ENABLE_PREFIX_DELEGATION: text, WARM_IP_TARGET: "1" }).settings.prefixDelegation).toBe(true);
    for (const text of ["0", "f", "F", "FALSE", "false", "False"])
      expect(parse({ MANAGE_UNTAGGED_ENI: text }).settings.manageUntaggedEni).toBe(false);
    for (const text of ["", "yes", "TrUe", " true"]) {
      const parsed = parse({ MANAGE_UNTAGGED_ENI: text });
      expect(parsed.settings.manageUntaggedEni).toBe(true);
      expect(parsed.warnings).toEqual([
        {
          level: "warn",
          stream: "stderr",
          text: `Failed to parse variable MANAGE_UNTAGGED_ENI with value ${text} as boolean`,
        },
      ]);
    }
  });

  test("[ipamd 1.1 B2] empty counts as unset; a bad value warns in the log", () => {
    expect(parse({ ENABLE_SUBNET_DISCOVERY: "" }).settings.subnetDiscovery).toBe(true);
    expect(parse({ ENABLE_SUBNET_DISCOVERY: "" }).warnings).toEqual([]);
    expect(parse({ ENABLE_SUBNET_DISCOVERY: "F" }).settings.subnetDiscovery).toBe(false);
    expect(parse({ ENABLE_SUBNET_DISCOVERY: "no" }).warnings[0]).toEqual({
      level: "error",
      stream: "log",
      text: 'Failed to parse ENABLE_SUBNET_DISCOVERY; using default: true, err: strconv.ParseBool: parsing "no": invalid syntax',
    });
  });

  test("[ipamd 1.1 I1] whole decimal numbers with an optional sign, nothing else", () => {
    const cases: [string, number | undefined][] = [
      ["0", 0],
      ["+5", 5],
      ["-1", -1],
      ["007", 7],
      ["", undefined],
      [" 5", undefined],
      ["5 ", undefined],
      ["1.5", undefined],
      ["1e3", undefined],
      ["1_000", undefined],
      ["0x10", undefined],
      ["9223372036854775807", Number.MAX_SAFE_INTEGER],
      ["9223372036854775808", undefined],
      ["-9223372036854775808", Number.MIN_SAFE_INTEGER],
      ["-9223372036854775809", undefined],
    ];
    for (const [text, want] of cases) expect(parseIntLiteral(text)).toBe(want);
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => parseIntLiteral(String(value)) === value));
  });
});

test("[ipamd 1.1 I2, 1.1 S] the cooldown's caller sees the bad value; an empty text is unset", () => {
  expect(parse({ IP_COOLDOWN_PERIOD: "1.5" }).refusals[0]).toEqual({
    variable: "IP_COOLDOWN_PERIOD",
    message: 'IP_COOLDOWN_PERIOD is "1.5", not a whole number of seconds from 0 up.',
    next: "Leave it unset to use 30.",
  });
  expect(envText({ A: "" }, "A", "b")).toBe("b");
  expect(envText({}, "A", "b")).toBe("b");
  expect(envText({ A: " " }, "A", "b")).toBe(" ");
  expect(parse({ CLUSTER_NAME: "prod" }).settings.clusterName).toBe("prod");
});

describe("pool variables", () => {
  test("[ipamd 1.3 WARM_IP_TARGET, 1.3 MINIMUM_IP_TARGET, 1.3 WARM_PREFIX_TARGET, 11.6#18] garbage and negatives read as not set", () => {
    for (const text of ["non-integer-string", "-1", "", "1.5"]) {
      const { settings } = parse({ WARM_IP_TARGET: text, MINIMUM_IP_TARGET: text, WARM_PREFIX_TARGET: text });
      expect([settings.warmIpTarget, settings.minimumIpTarget, settings.warmPrefixTarget]).toEqual([0, 0, 0]);
    }
    expect(parse({ WARM_IP_TARGET: "5" }).settings.warmIpTarget).toBe(5);
  });

  test("[ipamd 1.3 WARM_ENI_TARGET] negatives and garbage read as 1, and 0 is honoured", () => {
    expect(parse({}).settings.warmEniTarget).toBe(1);
    expect(parse({ WARM_ENI_TARGET: "-3" }).settings.warmEniTarget).toBe(1);
    expect(parse({ WARM_ENI_TARGET: "x" }).settings.warmEniTarget).toBe(1);
    expect(parse({ WARM_ENI_TARGET: "0" }).settings.warmEniTarget).toBe(0);
    expect(parse({ WARM_ENI_TARGET: "2" }).settings.warmEniTarget).toBe(2);
  });

  test("[ipamd 1.3 MAX_ENI, 1.2.5] 0, negatives and garbage are ignored", () => {
    for (const text of ["0", "-1", "x", ""]) expect(parse({ MAX_ENI: text }).settings.maxEni).toBeUndefined();
    expect(parse({ MAX_ENI: "2" }).settings.maxEni).toBe(2);
  });

  test("[ipamd 1.3 IP_COOLDOWN_PERIOD, 11.6#17] seconds; unset is 30; bad values are refused", () => {
    expect(parse({}).settings.cooldownMs).toBe(30_000);
    expect(parse({ IP_COOLDOWN_PERIOD: "1" }).settings.cooldownMs).toBe(1_000);
    expect(parse({ IP_COOLDOWN_PERIOD: "0" }).settings.cooldownMs).toBe(0);
    expect(refused({ IP_COOLDOWN_PERIOD: "-1" })).toEqual(["IP_COOLDOWN_PERIOD"]);
    expect(refused({ IP_COOLDOWN_PERIOD: "soon" })).toEqual(["IP_COOLDOWN_PERIOD"]);
    expect(parse({ IP_COOLDOWN_PERIOD: "soon" }).settings.cooldownMs).toBe(30_000);
  });

  test("[ipamd 1.3 ADDITIONAL_ENI_TAGS] strings only, reserved keys dropped, bad JSON ignored", () => {
    const good = parse({ ADDITIONAL_ENI_TAGS: '{"b":"2","a":"1","x.k8s.amazonaws.com/y":"3"}' });
    expect(good.settings.additionalEniTags).toEqual([
      { key: "a", value: "1" },
      { key: "b", value: "2" },
    ]);
    expect(good.warnings).toHaveLength(1);
    for (const text of ["{", "[]", '{"a":1}', '"a"']) {
      const bad = parse({ ADDITIONAL_ENI_TAGS: text });
      expect(bad.settings.additionalEniTags).toEqual([]);
      expect(bad.warnings).toHaveLength(1);
    }
    expect(parse({ ADDITIONAL_ENI_TAGS: "{}" }).warnings).toEqual([]);
  });

  test("[ipamd 1.3 ENABLE_IMDS_ONLY_MODE, 1.3 DISABLE_NETWORK_RESOURCE_PROVISIONING, 1.3 DISABLE_LEAKED_ENI_CLEANUP] metadata-only implies the other two", () => {
    const { settings } = parse({ ENABLE_IMDS_ONLY_MODE: "true" });
    expect([settings.imdsOnly, settings.provisioningDisabled, settings.leakedEniCleanupDisabled]).toEqual([
      true,
      true,
      true,
    ]);
    expect(parse({ DISABLE_NETWORK_RESOURCE_PROVISIONING: "1" }).settings.leakedEniCleanupDisabled).toBe(false);
  });

  test("[ipamd 9.6] accepted values are logged, dropped ones are not", () => {
    expect(parse({ WARM_IP_TARGET: "5", MINIMUM_IP_TARGET: "x", MAX_ENI: "0" }).accepted).toEqual([
      { message: "usingWarmIpTarget", args: [5] },
    ]);
  });
});

describe("refusals", () => {
  test("[ipamd 1.2.1] exactly one address family; the code default is neither", () => {
    expect(parseSettings({}).refusals[0]?.message).toBe(
      "IPv4 and IPv6 are both disabled. One of them have to be enabled",
    );
    expect(parse({ ENABLE_IPv6: "true" }).refusals[0]?.message).toBe(
      "IPv4 and IPv6 are both enabled. VPC CNI currently does not support dual stack mode",
    );
    expect(parse({}).refusals).toEqual([]);
  });

  test("[ipamd 1.2.2] IPv6 needs prefix delegation, and is out of this release's scope", () => {
    const messages = parseSettings({ ENABLE_IPv6: "true" }).refusals.map((refusal) => refusal.message);
    expect(messages[0]).toStartWith("IPv6 is supported only in Prefix Delegation mode.");
    expect(messages[1]).toContain("IPv4 addresses only");
    expect(
      parseSettings({ ENABLE_IPv6: "true", ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }).refusals,
    ).toHaveLength(1);
  });

  test("[ipamd 1.3 ENABLE_MULTI_NIC] further network cards are out of scope", () => {
    expect(refused({ ENABLE_MULTI_NIC: "true" })).toEqual(["ENABLE_MULTI_NIC"]);
  });

  test("[ipamd 1.3 entrypoint] prefix delegation without a target, compared as text", () => {
    const withPrefixes = (env: Environment) => refused({ ENABLE_PREFIX_DELEGATION: "true", ...env });
    for (const text of [undefined, "", "0", "-1", "+5", " 5"])
      expect(withPrefixes({ WARM_PREFIX_TARGET: text })).toEqual(["WARM_PREFIX_TARGET"]);
    for (const text of ["1", "05", "00", "abc", "1.5"]) expect(withPrefixes({ WARM_PREFIX_TARGET: text })).toEqual([]);
    expect(withPrefixes({ MINIMUM_IP_TARGET: "20" })).toEqual([]);
    expect(refused({ WARM_PREFIX_TARGET: "0" })).toEqual([]);
  });

  test("[ipamd 1.3 entrypoint] plugin log, veth prefix, enforcing mode, MTU, network policy mode", () => {
    expect(refused({ AWS_VPC_K8S_PLUGIN_LOG_FILE: "stdout" })).toEqual(["AWS_VPC_K8S_PLUGIN_LOG_FILE"]);
    for (const text of ["eth", "lo", "vlan", "toolong", 'e"n', "e n", "e\n-"])
      expect(refused({ AWS_VPC_K8S_CNI_VETHPREFIX: text })).toEqual(["AWS_VPC_K8S_CNI_VETHPREFIX"]);
    expect(refused({ POD_SECURITY_GROUP_ENFORCING_MODE: "x" })).toEqual([]);
    expect(refused({ POD_SECURITY_GROUP_ENFORCING_MODE: "x", ENABLE_POD_ENI: "true" })).toEqual([
      "POD_SECURITY_GROUP_ENFORCING_MODE",
    ]);
    for (const text of ["575", "9002", "x"]) expect(refused({ AWS_VPC_ENI_MTU: text })).toEqual(["AWS_VPC_ENI_MTU"]);
    expect(refused({ POD_MTU: "576", AWS_VPC_ENI_MTU: "9001" })).toEqual([]);
    expect(refused({ NETWORK_POLICY_ENFORCING_MODE: "loose" })).toEqual(["NETWORK_POLICY_ENFORCING_MODE"]);
    expect(refused({ NETWORK_POLICY_ENFORCING_MODE: "STRICT" })).toEqual([]);
  });

  test("the chart's environment is accepted, with and without prefix delegation, and so is the article's recipe", () => {
    expect(parseSettings(CHART_DEFAULTS).refusals).toEqual([]);
    expect(parseSettings({ ...CHART_DEFAULTS, ENABLE_PREFIX_DELEGATION: "true" }).refusals).toEqual([]);
    const recipe = parseSettings({
      ...CHART_DEFAULTS,
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_ENI_TARGET: "2",
      MINIMUM_IP_TARGET: "20",
      WARM_IP_TARGET: "20",
      ENABLE_POD_ENI: "true",
    });
    expect(recipe.refusals).toEqual([]);
    expect(recipe.settings).toMatchObject({ prefixDelegation: true, warmIpTarget: 20, podEni: true });
  });

  test("any environment parses: nothing throws", () => {
    const names = [...Object.keys(CHART_DEFAULTS), "WARM_IP_TARGET", "MAX_ENI", "IP_COOLDOWN_PERIOD", "CLUSTER_NAME"];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (env) => {
        const { settings } = parseSettings(env);
        expect(settings.warmIpTarget).toBeGreaterThanOrEqual(0);
        expect(settings.warmEniTarget).toBeGreaterThanOrEqual(0);
        expect(settings.cooldownMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
