// Random tests repeat: one seed for every property, another one by SLASH28_TEST_SEED (a number) to look further.

import fc from "fast-check";

const SEED = 28;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env["SLASH28_TEST_SEED"] ?? SEED) });
