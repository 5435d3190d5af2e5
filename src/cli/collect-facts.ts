// The options by which doctor, lint and map say where facts come from, and the gathering itself: progress on standard error,
// errors that the user can act on as CommandError.

import type { Command } from "commander";
import type { CollectOptions } from "../diagnose/collect/index.ts";
import type { Facts } from "../diagnose/facts/model.ts";
import { systemClock } from "../drivers/clock-system.ts";
import { CommandError } from "./command-error.ts";
import { openProgress } from "./progress.ts";

export interface CollectFlags {
  readonly facts?: string;
  readonly ec2?: string;
  readonly live?: true;
  readonly cluster?: string;
  readonly region?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}
