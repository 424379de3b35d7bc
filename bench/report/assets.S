/* The page's parts, as they are in this folder, and the library for its charts where it was found.
 * Each ends in a NUL. */
    .section .rodata
    .macro asset name
    .global \name
    .hidden \name
\name:
    .endm

    asset report_page_html
    .incbin "bench/report/page.html"
    .byte 0
    asset report_page_css
    .incbin "bench/report/page.css"
    .byte 0
    asset report_page_js
    .incbin "bench/report/page.js"
    .byte 0
    asset report_chart_js
#ifdef CHART_JS
    .incbin CHART_JS
#endif
    .byte 0
    .section .note.GNU-stack, "", %progbits
