import { defineConfig } from "vite";

// The page's policy allows scripts and styles from its own server and nothing inline
// (dashboard/policy.go), so nothing may be inlined: no data URLs, no module preload code.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../dist/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    target: "es2022",
    rolldownOptions: { checks: { pluginTimings: false } }, // says how long it took on a machine that is busy
    chunkSizeWarningLimit: 600, // the MQTT client, which is loaded by its own page only
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
