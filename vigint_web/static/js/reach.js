// Reports that the page was opened, without a press.

document.querySelector("form[data-submit-once]")?.requestSubmit();
