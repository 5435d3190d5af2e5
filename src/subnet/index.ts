// The /28 map of a subnet, and how many /28s random single addresses leave.

export * from "./expectation.ts";
export * from "./subnet-map.ts";
