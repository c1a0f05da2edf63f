import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { place } from './pages.svelte';
import { inWindow } from './window';
import { session } from './session.svelte';
import { themes } from './theme.svelte';
import { words } from './words.svelte';

const target = document.getElementById('app');
themes.start();
inWindow();
// The token leaves the address before anything else looks at it.
session.start();
place.follow();
await words.start().catch(() => undefined);
if (target) mount(App, { target });
