"use strict";

// Without this script the examples are there to be read; with it they run.
for (const element of document.querySelectorAll(".tried")) element.hidden = false;

document.addEventListener("click", (event) => {
  const example = event.target.closest("button.example");
  if (example) example.form.querySelector("textarea").value = example.value;
});

const requestOf = (form) => {
  const headers = {};
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const { name, value, dataset } of form.querySelectorAll("input")) {
    if (dataset.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value && dataset.in === "query") query.append(name, value);
    else if (value) headers[name] = value;
  }
  const key = document.getElementById("key").value.trim();
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = form.querySelector("textarea")?.value;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return [`${path}?${query}`.replace(/\?$/, ""), { method: form.dataset.method, headers, body }];
};

const indented = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  const status = form.querySelector(".status");
  const returned = form.querySelector(".returned");
  status.textContent = "Sent …";
  try {
    const response = await fetch(...requestOf(form));
    returned.textContent = indented(await response.text());
    status.textContent = `${response.status} ${response.statusText}`;
  } catch (error) {
    returned.textContent = "";
    status.textContent = `Nothing came back: ${error.message}`;
  }
  returned.hidden = !returned.textContent;
});
