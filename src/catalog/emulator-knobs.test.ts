// The table of knobs and its parser.

import { expect, test } from "bun:test";
import { changeKnob, KNOBS, parseKnobs } from "./emulator-knobs.ts";

test("every knob has a default that it accepts, and a source", () => {
  const { knobs, errors } = parseKnobs({});
  expect(errors).toEqual([]);
  expect(Object.keys(knobs).sort()).toEqual(KNOBS.map((knob) => knob.name).sort());
  const given = Object.fromEntries(KNOBS.map((knob) => [knob.name, knob.default]));
  expect(parseKnobs(given)).toEqual({ knobs, errors: [] });
  for (const knob of KNOBS) expect([knob.name, knob.doc !== "", knob.source !== ""]).toEqual([knob.name, true, true]);
});

test("the cluster file's example, ranges, rates and zero", () => {
  const { knobs, errors } = parseKnobs({
    throttling: "aws-default",
    latency: "typical",
    imdsLag: "200ms",
    attachDelay: "1.5s-3s",
    quarantine: 0,
    throttlingActions: { AttachNetworkInterface: "10/0.5" },
  });
  expect(errors).toEqual([]);
  expect(knobs.imdsLag).toEqual({ min: 200, max: 200 });
  expect(knobs.attachDelay).toEqual({ min: 1500, max: 3000 });
  expect(knobs.throttlingActions.get("AttachNetworkInterface")).toEqual({ burst: 10, refillPerSecond: 0.5 });
});

test("without latency nothing lags, unless it is said", () => {
  const { knobs } = parseKnobs({ latency: "none", detachDelay: "2s" });
  expect([knobs.imdsLag.max, knobs.attachDelay.max, knobs.detachDelay.max]).toEqual([0, 0, 2000]);
});

test.each([
  [{ latencyy: "none" }, ["latencyy"], "did you mean latency?"],
  [{ moon: 1 }, ["moon"], "unknown knob moon; knobs: throttling"],
  [{ latency: "some" }, ["latency"], 'latency must be one of none, typical, not "some"'],
  [{ imdsLag: "2s-1s" }, ["imdsLag"], "a range such as 200ms-2s"],
  [{ imdsLag: 5 }, ["imdsLag"], "not 5"],
  [{ quarantine: "soon" }, ["quarantine"], "a duration such as 200ms"],
  [{ latencyScale: -1 }, ["latencyScale"], "a number from 0 to 1000"],
  [{ quotaVpcs: 1.5 }, ["quotaVpcs"], "a whole number from 1"],
  [{ asyncStates: "yes" }, ["asyncStates"], "true or false"],
  [{ throttlingActions: { AttachNetworkInterface: "fast" } }, ["throttlingActions", "AttachNetworkInterface"], "50/5"],
  [{ throttlingActions: [] }, ["throttlingActions"], "must map actions"],
])("%p is refused at its place", (given, path, text) => {
  const { errors } = parseKnobs(given);
  expect(errors.map((error) => error.path)).toEqual([path]);
  expect(errors[0]?.message).toContain(text);
});

test("one knob changes and the others stay", () => {
  const { knobs } = parseKnobs({ quarantine: "5s" });
  const changed = changeKnob(knobs, "imdsLag", "1s");
  expect("knobs" in changed && [changed.knobs.imdsLag.max, changed.knobs.quarantine]).toEqual([1000, 5000]);
  expect(changeKnob(knobs, "imdsLagg", "1s")).toMatchObject({ error: "unknown knob imdsLagg; did you mean imdsLag?" });
});
