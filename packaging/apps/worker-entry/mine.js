import { serve } from 'ghostdet/worker';

serve();
