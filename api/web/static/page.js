"use strict";

// "/" goes to the question, as in most places where one searches.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.getElementById("q");
  if (box) {
    event.preventDefault();
    box.focus();
    box.select();
  }
});

// Without this script the text is there to be selected by hand; with it there is a button.
const offerToCopy = (root) => {
  for (const button of root.querySelectorAll("button.copy[hidden]")) button.hidden = false;
};

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text.textContent);
  // Only pages from https or this machine have a clipboard of their own.
  getSelection().selectAllChildren(text);
  document.execCommand("copy");
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await copy(button.parentElement.querySelector("p"));
  button.textContent = "Copied";
});

document.addEventListener("htmx:afterSwap", (event) => offerToCopy(event.target));
document.addEventListener("DOMContentLoaded", () => offerToCopy(document));

// What went wrong before it came to a page: no connection, or a refusal meant for programs.
const tell = (event, text) => {
  const told = document.createElement("p");
  told.setAttribute("role", "alert");
  told.textContent = text;
  event.detail.target.replaceChildren(told);
};
document.addEventListener("htmx:sendError", (event) =>
  tell(event, "The service does not answer. Is it still running?"));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if ((xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html")) return;
  event.detail.shouldSwap = false;
  tell(event, xhr.status === 429 || xhr.status === 503
    ? "The service is busy. Ask again in a moment."
    : "The service could not answer that.");
});
