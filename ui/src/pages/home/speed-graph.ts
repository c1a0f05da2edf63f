/** Draws the speed graph, newest sample at the end edge. */
import type { Sample } from '../../session.svelte';

const LEAST_PEAK = 1000;

export function drawSpeeds(canvas: HTMLCanvasElement, samples: Sample[], most: number, peak: number) {
  const context = canvas.getContext('2d');
  if (!context) return;
  const scale = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const top = Math.max(peak, LEAST_PEAK) * 1.1;
  const x = (at: number) => width - ((samples.length - 1 - at) * width) / (most - 1);
  const y = (value: number) => height - (value / top) * height;

  context.strokeStyle = colour('--hairline');
  for (const part of [0.25, 0.5, 0.75]) {
    const line = Math.round(height * part) + 0.5;
    context.beginPath();
    context.moveTo(0, line);
    context.lineTo(width, line);
    context.stroke();
  }
  if (samples.length < 2) return;
  const trace = (of: (sample: Sample) => number) => {
    context.beginPath();
    samples.forEach((sample, at) => context.lineTo(x(at), y(of(sample))));
  };
  context.lineWidth = 1.5;
  trace((sample) => sample.down);
  context.strokeStyle = colour('--graph-down');
  context.stroke();
  context.lineTo(x(samples.length - 1), height);
  context.lineTo(x(0), height);
  context.globalAlpha = 0.15;
  context.fillStyle = colour('--graph-down');
  context.fill();
  context.globalAlpha = 1;
  trace((sample) => sample.up);
  context.strokeStyle = colour('--graph-up');
  context.stroke();
}
