import './tokens.css';
import './base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { router } from './router.svelte';
import { inWindow } from './window';
import { session } from './session.svelte';
import { themes } from './theme.svelte';
import { i18n } from './i18n.svelte';

const target = document.getElementById('app');
themes.start();
inWindow();
// Removes the token from the URL before anything else reads it.
session.start();
router.follow();
await i18n.start().catch(() => undefined);
if (target) mount(App, { target });
