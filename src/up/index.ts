// The main job: cluster files loaded, worlds built, runs started, reported and shown.

export { buildUpWorld, ec2SubnetId, type UpNode, type UpWorld, WorldMismatch } from "../world/world.ts";
export { datapathProblems } from "./fabric.ts";
export { FaultRefused } from "./faults.ts";
export * from "./load.ts";
export { type Findings, findings, type Sightings, type UpDocument, upDocument } from "./report.ts";
export { nextSteps, reportText } from "./report-text.ts";
export { type LiveRun, type RunHandle, SettingsRefused, startUp, type UpInput } from "./run.ts";
export { openScreen } from "./screen.ts";
