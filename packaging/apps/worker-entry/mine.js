import 'ghostdet/worker';
