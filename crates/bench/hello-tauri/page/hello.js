requestAnimationFrame(() => (document.title = 'Hello'));
