// The search page with Algolia's own client. Only the host differs from a page that searches Algolia.
import { liteClient } from "algoliasearch/lite";
import instantsearch from "instantsearch.js";
import { show } from "./page.js";

const outpost = new URL(new URLSearchParams(location.search).get("outpost") ?? "http://127.0.0.1:8000");

const searchClient = liteClient("outpost", "none", {
  hosts: [{ url: outpost.host, protocol: outpost.protocol.replace(":", ""), accept: "readWrite" }],
});

show(instantsearch({ indexName: "stories", searchClient }));
