"use strict";
window.SwaggerUIBundle({ url: "/api/schema", dom_id: "#swagger", deepLinking: true, validatorUrl: null });
