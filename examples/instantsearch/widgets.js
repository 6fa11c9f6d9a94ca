// The search page with a search client of ten lines.
import instantsearch from "instantsearch.js";
import { show } from "./page.js";

const outpost = new URLSearchParams(location.search).get("outpost") ?? "http://127.0.0.1:8000";

const searchClient = {
  async search(requests) {
    const response = await fetch(`${outpost}/v1/instantsearch`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ requests }),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(body.message);
    return body;
  },
};

show(instantsearch({ indexName: "stories", searchClient }));
