/**
 * The settings of the server: one table, from which come options of the command, keys of the configuration file,
 * their checks and their documentation.
 *
 * @module
 */
export { usersWithoutPassword } from "./access_options.ts";
export * from "./config_error.ts";
export * from "./config_file.ts";
export type * from "./config_values.ts";
export * from "./configured_files.ts";
export * from "./example.ts";
export * from "./least_permissions.ts";
export { nearestWord } from "./nearest_word.ts";
export * from "./permission.ts";
export * from "./permission_check.ts";
export * from "./reload.ts";
export * from "./server_options.ts";
export * from "./setting.ts";
export * from "./setting_fault.ts";
export * from "./shown_settings.ts";
export * from "./settings.ts";
export * from "./settings_check.ts";
export * from "./settings_tree.ts";
export * from "./table.ts";
export { PASSWORD_FILE } from "./settings/access.ts";
export * from "./settings/log.ts";
export { API_STATE_FILE, CONSOLE } from "./settings/api.ts";
export { CLUSTER_NODE } from "./settings/cluster.ts";
export { DRAIN_TIMEOUT } from "./settings/drain.ts";
