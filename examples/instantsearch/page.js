// The widgets of both pages. They work with any search client.
import {
  clearRefinements,
  configure,
  currentRefinements,
  hierarchicalMenu,
  hits,
  hitsPerPage,
  menu,
  pagination,
  rangeInput,
  refinementList,
  searchBox,
  sortBy,
  stats,
} from "instantsearch.js/es/widgets";

export function show(search) {
  search.addWidgets([
    configure({ attributesToSnippet: ["body:30"] }),
    searchBox({ container: "#search", placeholder: "Search stories" }),
    stats({ container: "#stats" }),
    sortBy({
      container: "#sort",
      items: [
        { label: "Most relevant", value: "stories" },
        { label: "Newest", value: "stories_newest" },
        { label: "Oldest", value: "stories_oldest" },
        { label: "Most sources", value: "stories_sources" },
      ],
    }),
    hitsPerPage({
      container: "#size",
      items: [
        { label: "5 per page", value: 5, default: true },
        { label: "20 per page", value: 20 },
      ],
    }),
    currentRefinements({ container: "#current" }),
    clearRefinements({ container: "#clear" }),
    refinementList({ container: "#topics", attribute: "topic", limit: 6, showMore: true }),
    refinementList({
      container: "#publishers",
      attribute: "publisher",
      limit: 5,
      searchable: true,
      searchablePlaceholder: "Search publishers",
    }),
    menu({ container: "#curators", attribute: "curator", limit: 5 }),
    hierarchicalMenu({ container: "#dates", attributes: ["year", "month"], separator: "-", limit: 20 }),
    rangeInput({ container: "#sources", attribute: "source_count" }),
    hits({
      container: "#hits",
      templates: {
        item: (hit, { html, components }) => html`
          <article data-id="${hit.objectID}">
            <h2>${components.Highlight({ hit, attribute: "title" })}</h2>
            <p class="summary">${components.Highlight({ hit, attribute: "summary" })}</p>
            <p class="snippet">${components.Snippet({ hit, attribute: "body" })}</p>
            <p class="by">${hit.curator}, ${(hit.published_at ?? "").slice(0, 10)}, ${hit.source_count} sources</p>
          </article>
        `,
        empty: "No stories.",
      },
    }),
    pagination({ container: "#pages" }),
  ]);
  search.on("error", (event) => {
    document.querySelector("#error").textContent = event.error.message;
  });
  search.start();
}
