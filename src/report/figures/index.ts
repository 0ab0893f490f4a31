/** @module Figures as SVG text: pure functions of their data, used by stages for their outputs and by the report. */
export { barChart, type Bar, type BarChart } from './bar-chart.js';
export { heatStrip, type HeatStrip } from './heat-strip.js';
export { histogram, type Histogram } from './histogram.js';
export { lineChart, type LineChart, type LineSeries } from './line-chart.js';
export { scatter, type Scatter, type ScatterSeries } from './scatter.js';
