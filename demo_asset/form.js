// The form on a telephone (studio.css): one line once an article stands, until a person turns to it.

{
  const form = document.querySelector("#xc-form"); // none where the view stands alone
  const unfold = () => (document.body.dataset.form = "open");
  // not when it gets the focus: the page gives it that by itself, and a touch must end where it began
  for (const turned of ["click", "keyup"]) form?.addEventListener(turned, unfold);
  let before = document.body.dataset.article;
  new MutationObserver(() => {
    const now = document.body.dataset.article;
    if (now !== before) delete document.body.dataset.form;
    before = now;
  }).observe(document.body, { attributes: true, attributeFilter: ["data-article"] });
}
